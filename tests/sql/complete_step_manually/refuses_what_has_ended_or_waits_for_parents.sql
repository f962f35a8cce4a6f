begin;
\ir ../fixtures.psql
select plan(7);
-- A step in each state: a complete, b in_progress, c waiting_for_retry, d enqueued, e pending, f in
-- error.
select pg_temp.a_template('all',
  '{"a": [], "b": ["a"], "c": ["a"], "d": ["a"], "e": ["b", "d"], "f": ["a"]}');
select pg_temp.a_task('all') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token', '"of a"');
create temp table claimed as
select step.step_uuid, step.token, step.name from generate_series(1, 4) as i,
  lateral tasker.claim_steps('test', 'w' || i) as step;
select from claimed, lateral tasker.fail_step(step_uuid, token, '"no"', name <> 'f')
 where name in ('c', 'f');
select from claimed, lateral tasker.release_claim(token) where name = 'd';
select pg_temp.later('1 second');
create function pg_temp.states () returns text language sql as $$
select string_agg(step.name || ' ' || step.state, ', ' order by step.name) from tasker.tasks,
lateral pg_temp.step_states(task_uuid) as step
$$;
select from tasker.resolve_step(pg_temp.step(:'task', 'd'), 'before');
select is(pg_temp.refusal(format('select from tasker.complete_step_manually(%L, ''7'', ''by '
  'hand'')', pg_temp.step(:'task', 'a'))),
  'TK003: the step is complete and waits for 0 parents', 'completed by its worker');
select is(pg_temp.refusal(format('select from tasker.complete_step_manually(%L, ''7'', ''by '
  'hand'')', pg_temp.step(:'task', 'd'))),
  'TK003: the step is resolved_manually and waits for 0 parents', 'settled in another way');
select is(pg_temp.refusal(format('select from tasker.complete_step_manually(%L, ''7'', ''by '
  'hand'')', pg_temp.step(:'task', 'e'))),
  'TK003: the step is pending and waits for 1 parents', 'waiting for a parent');
select from tasker.cancel_task(:'task', 'not wanted');
select is(pg_temp.refusal(format('select from tasker.complete_step_manually(%L, ''7'', ''by '
  'hand'')', pg_temp.step(:'task', 'b'))),
  'TK003: the step is cancelled and waits for 0 parents', 'cancelled');
select is(pg_temp.refusal(format('select from tasker.complete_step_manually(%L, ''7'', ''by '
  'hand'')', pg_temp.step(:'task', 'f'))), 'TK003: the task is cancelled',
  'in error, of a task that was cancelled');
select is((select count(*) from tasker.operator_actions), 2::bigint, 'none of these is an action');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
