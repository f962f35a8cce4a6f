begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain') as task \gset
select format('select * from tasker.resolve_step(%L, ''by hand'')', pg_temp.step(:'task', 'a'))
 as settle \gset
create temp table answer as :settle;
select results_eq('select step_state, task_state from answer',
  $$ values ('resolved_manually', 'in_progress') $$, 'the first answer');
select pg_temp.later('1 second');
select results_eq(:'settle', 'table answer', 'the same again');
select is((select count(*) from tasker.operator_actions), 1::bigint, 'there was one action');
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint,
  'its child was enqueued once (its own message is left over)');
select is(pg_temp.run_all(), 1, 'and runs once');
select results_eq(:'settle', 'table answer', 'the same when the task is over');

select * from finish();
rollback;
