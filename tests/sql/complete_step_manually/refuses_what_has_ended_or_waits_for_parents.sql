begin;
\ir ../fixtures.psql
select plan(7);
\ir ../every_state.psql
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
