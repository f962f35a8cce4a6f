begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('t', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('t') as task \gset
update tasker.steps set waiting_parents = 2
 where step_id = tasker._step_id(pg_temp.step(:'task', 'b'));
select is(array(select code from tasker.explain_task(:'task')), array['no_worker'],
  'a can still move');
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select results_eq(format('select code, blocks, steps, reason, cure, cause_uuid from '
  'tasker.explain_task(%L)', :'task'),
  format($$ values ('broken', true, null::integer, 'nothing explains it: an invariant is broken',
    'select * from tasker.check_invariants(''%1$s'')', %1$L::uuid) $$, :'task'), 'nothing can');

select * from finish();
rollback;
