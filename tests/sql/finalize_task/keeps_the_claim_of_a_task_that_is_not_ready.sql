begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.step(:'task', 'a') as a, pg_temp.step(:'task', 'b') as b \gset
select pg_temp.a_claim() as token1 \gset
select pg_temp.a_claim() as token2 \gset
select format('select message from tasker.claim_task_for_finalization(%L, ''p1'', 10)', :'task')
 as claim \gset
select from tasker.fail_step(:'a', :'token1', '"no"', false);
select results_eq(:'claim', array['not_ready'], 'a blocked task is not ready while a step runs');

-- As two steps leave it that end at once and do not see each other.
update tasker.steps set state = 'error', finished_at = tasker._now()
 where step_id = tasker._step_id(:'b');
select results_eq(:'claim', array['claimed'], 'it is, when nothing runs');
select attempt_uuid as attempt from tasker.finalization_claims \gset
select from tasker.retry_step(:'b', 'repaired');
select results_eq(format('select task_state, message from tasker.finalize_task(%L, %L)', :'task',
  :'attempt'), $$ values ('blocked_by_failures', 'not_ready') $$, 'an operator was faster');
select results_eq('select attempt_uuid from tasker.finalization_claims', array[:'attempt'::uuid],
  'the claim is still there');
select is((select outcome from tasker.finalization_attempts where attempt_uuid = :'attempt'), null,
  'and not over');

-- When its time is over it keeps nobody off.
select pg_temp.a_claim() as token \gset
update tasker.steps set state = 'error', finished_at = tasker._now()
 where step_id = tasker._step_id(:'b');
select throws_ok(format('select from tasker.finalize_task(%L)', :'task'), 'TK001', null,
  'nobody finalizes without it');
select pg_temp.later('11 seconds');
select is((select message from tasker.finalize_task(:'task')), 'finalized',
  'until it has ended by itself');
select is_empty('select from tasker.finalization_claims', 'then it is gone');

select * from finish();
rollback;
