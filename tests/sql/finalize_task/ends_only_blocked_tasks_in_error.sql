begin;
\ir ../fixtures.psql
select plan(2);
-- Somebody broke a step by hand: nothing can run, but no failure is known that would end the task.
select pg_temp.a_task() as task \gset
select pg_temp.a_claim();
update tasker.steps set state = 'error', finished_at = tasker._now();
select results_eq(format('select task_state, finalized, message from tasker.finalize_task(%L)',
  :'task'), $$ values ('in_progress', false, 'not_ready') $$,
  'it is not ended');
select is((select message from tasker.claim_task_for_finalization(:'task', 'p1')), 'not_ready',
  'nor claimed');

select * from finish();
rollback;
