begin;
\ir ../fixtures.psql
select plan(7);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('three', '{"a": [], "b": [], "c": ["a"]}',
  '{"max_attempts": 2, "backoff": "none"}');
select pg_temp.a_task('three') as task \gset
-- One step has failed once before, so that one claim holds a first and a second attempt.
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"');
select pg_temp.swept('timers_fired');
select pg_temp.a_claim(2);
select results_eq(format('select state, attempt from pg_temp.step_states(%L)', :'task'),
  $$ values ('in_progress', 2), ('in_progress', 1), ('pending', 0) $$,
  'a first and a last attempt in one claim');

select pg_temp.later('31 seconds');
select is(pg_temp.swept('claims_taken_back'), 1, 'the claim is taken back');
select results_eq(format('select state, attempt from pg_temp.step_states(%L)', :'task'),
  $$ values ('error', 2), ('enqueued', 1), ('pending', 0) $$,
  'the step without attempts left is in error');
select is(pg_temp.task_state(:'task'), 'blocked_by_failures',
  'its task is blocked while the other can run');
select is(pg_temp.run_all(), 1, 'the other runs');
select is(pg_temp.task_state(:'task'), 'error', 'and then the task has ended');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
