begin;
\ir ../fixtures.psql
select plan(7);
create function pg_temp.finish (p_step uuid, p_token uuid) returns uuid language sql as $$
select step_uuid
from tasker.finish_and_claim('test', 'w1', p_token, pg_temp.outcomes(pg_temp.outcome(p_step)))
$$;
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as one, pg_temp.a_task('t') as two, pg_temp.a_task('t') as three \gset
select pg_temp.step(:'one', 'a') as a1, pg_temp.step(:'two', 'a') as a2, pg_temp.step(:'three', 'a')
 as a3 \gset
select pg_temp.a_claim() as token1 \gset
select pg_temp.a_claim() as token2 \gset
select pg_temp.a_claim() as token3 \gset

select is(pg_temp.finish(:'a1', :'token1'), null, 'there is nothing to claim');
select results_eq(format('select pg_temp.history(%L)', :'a1'),
  array['step pending -> enqueued', 'step enqueued -> in_progress', 'step in_progress -> complete'],
  'it has ended once');

-- The queue is empty, but a timer is due: its step is claimed in the same call.
select from tasker.fail_step(:'a2', :'token2', '"no"', p_retry_after => '1 second');
select pg_temp.later('1 second');
select is(pg_temp.finish(:'a3', :'token3'), :'a2', 'what is due is claimed');
select results_eq(format('select pg_temp.history(%L)', :'a3'),
  array['step pending -> enqueued', 'step enqueued -> in_progress', 'step in_progress -> complete'],
  'the other has ended once');
select results_eq(format('select pg_temp.history(%L) offset 3', :'a2'),
  array['step waiting_for_retry -> enqueued', 'step enqueued -> in_progress'],
  'and this has begun once');
select is((select count(*) from tasker.task_transitions where to_state = 'complete'), 2::bigint,
  'each task has one end');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
