begin;
\ir ../fixtures.psql
select plan(3);

select pg_temp.a_template('two', '{"x": [], "y": []}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim(2);
select results_eq('select unnest(step_uuids), unnest(steps) from tasker.live_claims order by 2',
  format($$ values (%L::uuid, 'test/two/x'), (%L, 'test/two/y') $$,
         pg_temp.step(:'task', 'x'), pg_temp.step(:'task', 'y')), 'in the order of their uuids');
select from tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [{"name": "a", "handler": {"callable": "x"}, "namespace": "bank"}]}');
select pg_temp.a_task('t');
select pg_temp.a_claim(1, 'w2', p_namespace => 'bank');
select results_eq('select namespace, steps from tasker.live_claims where worker = ''w2''',
  $$ values ('bank', array['test/t/a']) $$, 'by the namespace of the template');
select pg_temp.later('40 seconds');
select set_eq('select lease_left from tasker.live_claims', array[interval '-10 s'],
  'by the clock of the database');

select * from finish();
rollback;
