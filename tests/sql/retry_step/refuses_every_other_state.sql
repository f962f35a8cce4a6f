begin;
\ir ../fixtures.psql
select plan(9);
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
select is(pg_temp.refusal(format('select from tasker.retry_step(%L, ''why'')',
  pg_temp.step(:'task', name))), 'TK003: the step is ' || state, state)
  from unnest(array['a', 'b', 'e'], array['complete', 'in_progress', 'pending'])
   as step (name, state);
select is(pg_temp.refusal(format('select from tasker.retry_step(%L, ''why'')',
  pg_temp.step(:'task', 'd'))), null, 'an enqueued one is about to run');
select is((select count(*) from tasker.operator_actions), 0::bigint, 'so nothing was done');

select from tasker.resolve_step(pg_temp.step(:'task', 'd'), 'by hand');
select is(pg_temp.refusal(format('select from tasker.retry_step(%L, ''why'')',
  pg_temp.step(:'task', 'd'))), 'TK003: the step is resolved_manually', 'resolved_manually');
select from tasker.cancel_task(:'task', 'not wanted');
select is(pg_temp.refusal(format('select from tasker.retry_step(%L, ''why'')',
  pg_temp.step(:'task', 'b'))), 'TK003: the step is cancelled', 'cancelled');
select is(pg_temp.refusal(format('select from tasker.retry_step(%L, ''why'')',
  pg_temp.step(:'task', 'f'))), 'TK003: the task is cancelled',
  'in error, of a task that was cancelled');
select is(pg_temp.states(),
  'a complete, b cancelled, c cancelled, d resolved_manually, e cancelled, f error',
  'nothing has changed');

select * from finish();
rollback;
