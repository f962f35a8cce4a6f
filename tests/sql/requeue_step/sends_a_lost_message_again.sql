begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_task() as one \gset
select pg_temp.later('1 second');
select pg_temp.a_task() as two \gset
select pg_temp.later('1 second');
select pg_temp.a_task() as three \gset
select pg_temp.step(:'two', 'only') as step \gset
delete from pgmq.q_test_queue where message ->> 'step_id' = tasker._step_id(:'step')::text;
select pg_temp.later('1 second');

select results_eq(format('select step_state, task_state from tasker.requeue_step(%L, ''its message '
  'is gone'')', :'step'), $$ values ('enqueued', 'pending') $$, 'it is where it was');
select results_eq($$ select pg_temp.queued('test_queue') $$,
  array[tasker._step_id(pg_temp.step(:'one', 'only')),
    tasker._step_id(pg_temp.step(:'three', 'only')), tasker._step_id(:'step')],
    'in its queue again, behind older messages');
select is((select enqueued_at from tasker.steps where step_id = tasker._step_id(:'step')),
  tasker._now(), 'as if it had come now');
select results_eq('select verb, subject, reason from tasker.operator_history',
  format('values (''requeue_step'', %L, ''its message is gone'')', :'step'),
  'the operator said why');
select is((select count(*) from pg_temp.history(:'step')), 1::bigint, 'its state has not changed');
select from tasker.requeue_step(:'step', 'again');
select is((select count(*) from pg_temp.queued('test_queue')), 3::bigint,
  'what is there is not sent twice');
select is((select count(*) from tasker.operator_history), 1::bigint, 'nothing was done');

select from tasker.pause_task(:'two', 'wait');
select is((select count(*) from tasker.claim_steps('test', 'w', 9)), 2::bigint,
  'a claim drops the message of a paused one');
select from tasker.requeue_step(:'step', 'again');
select is_empty('select from tasker.claim_steps(''test'', ''w'', 9)',
  'requeued, it is still paused');
select pg_temp.later('1 second');
select from tasker.resume_task(:'two', 'go');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is((select count(*) from tasker.claim_steps('test', 'w', 9)), 1::bigint, 'resumed, it runs');
select from pgmq.drop_queue('test_queue');
select pg_temp.a_task() as four \gset
select lives_ok(format('select from tasker.requeue_step(%L, ''why'')',
  pg_temp.step(:'four', 'only')), 'without a queue, the sweep has to make it first');

select * from finish();
rollback;
