begin;
\ir ../fixtures.psql
select plan(9);
\ir ../every_state.psql
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
