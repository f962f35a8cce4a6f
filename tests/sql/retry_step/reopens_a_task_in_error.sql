begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}',
  '{"max_attempts": 2, "backoff": "none"}');
select pg_temp.a_task('chain') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(:'a', :'token', '"no"');
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(:'a', :'token', '"no"');
select is(pg_temp.task_state(:'task'), 'error', 'both attempts failed, the task has ended');

select results_eq(format('select * from tasker.retry_step(%L, ''repaired'')', :'a'),
  format('values (%L::uuid, ''enqueued'', ''in_progress'')', :'task'),
  'the step is enqueued, the task goes on');
select is((select attempt from tasker.steps where step_id = tasker._step_id(:'a')), 0::smallint,
  'its attempts begin again');
select is((select finished_at from tasker.tasks), null, 'the task has no end any more');
select isnt_empty('select from tasker.open_tasks', 'it is open');
select results_eq('select verb, subject, reason from tasker.operator_actions',
  format('values (''retry_step'', %L, ''repaired'')', :'a'), 'the operator said why');
select is((select count(*) from tasker.step_transitions where task_uuid = :'task'
  and from_state = 'error' and reason = 'repaired'), 1::bigint,
  'history, too');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.run_all(), 2, 'all runs');
select is(pg_temp.task_state(:'task'), 'complete', 'to a good end');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
