begin;
\ir ../fixtures.psql
select plan(10);
-- K4: an attempt that made a checkpoint may be lost without counting.
select pg_temp.a_template('load', '{"only": []}', '{"max_attempts": 2, "backoff": "none"}');
select pg_temp.a_task('load') as task \gset
select pg_temp.step(:'task', 'only') as only \gset
-- One attempt that is lost, p_got_on or not; what is left of the step then.
create function pg_temp.lose (p_got_on boolean) returns text language plpgsql as $$
declare
  v_step record;
begin
  select step_uuid, token, attempt into v_step from tasker.claim_steps('test', 'w');
  if p_got_on then
    perform tasker.checkpoint_step(v_step.step_uuid, v_step.token, '1');
  end if;
  perform pg_temp.later('1 minute');
  perform tasker.sweep();
  return (select format('attempt %s, then %s %s', v_step.attempt, state, attempt)
            from tasker.steps where step_id = tasker._step_id(v_step.step_uuid));
end
$$;
select is(pg_temp.lose(false), 'attempt 1, then enqueued 1', 'before the first checkpoint');
select is(pg_temp.lose(true), 'attempt 2, then enqueued 0', 'then it does not, nor does the other');
select is(pg_temp.lose(true), 'attempt 1, then enqueued 0', 'however often');
select is(pg_temp.lose(false), 'attempt 1, then enqueued 1', 'without a checkpoint it does');
select is(pg_temp.lose(true), 'attempt 2, then enqueued 0', 'until the step gets on');
select is(pg_temp.lose(false), 'attempt 1, then enqueued 1', 'but max_attempts times in a row');
select is(pg_temp.lose(false), 'attempt 2, then error 2', 'are too many');

select tasker.set_limit('attempts_with_progress', 10, 'for a test');
select from tasker.retry_step(:'only', 'again');
select is((select count(*) from generate_series(1, 10) where pg_temp.lose(true) like '% 0'),
  10::bigint, 'the count begins again');
select is(pg_temp.lose(true), 'attempt 1, then enqueued 1', 'and ends');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select * from finish();
rollback;
