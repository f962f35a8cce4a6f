begin;
\ir ../fixtures.psql
select plan(15);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as one \gset
select pg_temp.a_task('t', p_options => '{"priority": "high"}') as two \gset
select pg_temp.a_task('t') as three \gset
select pg_temp.a_task('t') as four \gset
select pg_temp.a_claim(4) as token \gset
select from tasker.complete_step(pg_temp.step(:'three', 'a'), :'token');
select from tasker.cancel_task(:'four', 'not wanted');
select pg_temp.later('5 seconds');

select results_eq(format('select step_uuid from tasker.release_claim(%L)', :'token'),
  array[pg_temp.step(:'one', 'a'), pg_temp.step(:'two', 'a')], 'those that it still held');
select is_empty('select from tasker.claims', 'the claim is gone');
select results_eq('select state::text, attempt::integer, claim_token, started_at, enqueued_at from '
  'tasker.steps where state <> ''complete'' and state <> ''cancelled''',
  $$ select 'enqueued', 0, null::uuid, null::timestamptz,
    tasker._now() from generate_series(1, 2) $$, 'they wait again, their attempt does not count');
select results_eq($$ select pg_temp.queued('test_queue') $$,
  array[tasker._step_id(pg_temp.step(:'one', 'a'))], 'in their queue');
select results_eq($$ select pg_temp.queued('test_queue_high') $$,
  array[tasker._step_id(pg_temp.step(:'two', 'a'))], 'with their priority');
select is(pg_temp.step_state(pg_temp.step(:'three', 'a')), 'complete',
  'what was finished stays so');
select is(pg_temp.step_state(pg_temp.step(:'four', 'a')), 'cancelled', 'what was cancelled, too');
select results_eq(format('select pg_temp.history(%L)', pg_temp.step(:'one', 'a')),
  array['step pending -> enqueued', 'step enqueued -> in_progress', 'step in_progress -> enqueued'],
  'history knows');
select is((select distinct actor || ', ' || reason from tasker._changes
  where change = 'step in_progress -> enqueued'), 'w1, given back', 'who and why');
select is(pg_temp.task_state(:'one'), 'in_progress', 'the task has begun all the same');

select is_empty(format('select from tasker.release_claim(%L)', :'token'),
  'a repeated call has nothing to give');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'and sends nothing');
select is_empty('select from tasker.release_claim(null)', 'nor has a null token');
select is_empty('select from tasker.release_claim(gen_random_uuid())', 'nor a forged one');
select results_eq($$ select attempt from tasker.claim_steps('test', 'w2', 10) $$, array[1, 1],
  'others get them, as a first attempt');

select * from finish();
rollback;
