create or replace function tasker._reasons (p_step_ids bigint[])
  returns table (
    step_id bigint, rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Why each of these steps is not running, apart from its parents. A step that nothing blocks is one
-- that the next claim may hand out.
--
-- Returns  one or more rows a step; none for one that only waits for its parents
-- Calls    _state_reasons, _timer_reasons, _pause_reasons, _queue_reasons,
--          _gate_reasons, _wait_reasons
#variable_conflict use_column
declare
  v_now    constant timestamptz := tasker._now();
  v_states constant tasker.step_state[] := array(
    select step.state from tasker.steps as step where step.step_id = any (p_step_ids));
begin
  return query
  select * from tasker._state_reasons(p_step_ids, v_now)
   union all
  select * from tasker._timer_reasons(p_step_ids, v_now)
   where v_states && '{pending,waiting_for_retry,waiting}'
   union all
  select * from tasker._pause_reasons(p_step_ids, v_now)
   union all
  select * from tasker._queue_reasons(p_step_ids, v_now)
   union all
  select * from tasker._gate_reasons(p_step_ids)
   where v_states && '{pending,skipped,upstream_failed}'
   union all
  select * from tasker._wait_reasons(p_step_ids, v_now)
   where 'waiting' = any (v_states);
end;
$$;

comment on function tasker._reasons is 'Why each of these steps is not running, apart from its parents.';
