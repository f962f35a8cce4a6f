begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain') as task \gset
select pg_temp.a_claim() as token \gset
select pg_temp.a_template('other', '{"x": []}');
select pg_temp.a_task('other') as other \gset
select results_eq('select * from tasker.pause_template(''test'', ''chain'', ''maintenance'')',
  'values (true, true)', 'it is paused');
select results_eq('select * from tasker.pause_template(''test'', ''chain'', ''again'')',
  'values (true, false)', 'once');
select results_eq('select verb, subject, reason from tasker.operator_actions',
  format('values (''pause_template'', %L, ''maintenance'')', 'test/chain'),
  'the reason is recorded');

select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select is(pg_temp.step_state(pg_temp.step(:'task', 'b')), 'enqueued',
  'what runs goes on, and its child is enqueued');
select is((select array_agg(task_uuid) from tasker.claim_steps('test', 'w1', 9)),
  array[:'other']::uuid[], 'only of this template, nothing is handed out');
select is(pg_temp.a_claim(9), null, 'however often one asks');
select results_eq(format('select * from pg_temp.step_states(%L)', :'task'),
  $$ values ('a', 'complete', 1), ('b', 'enqueued', 0) $$,
  'no attempt was counted');

select results_eq('select * from tasker.resume_template(''test'', ''chain'', ''go on'')',
  'values (false, true)', 'it is resumed');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select is(pg_temp.run_all(), 1, 'it runs');
select is(pg_temp.task_state(:'task'), 'complete', 'to its end');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
