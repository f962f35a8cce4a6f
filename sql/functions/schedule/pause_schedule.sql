create or replace function tasker.pause_schedule (
  p_namespace text,
  p_name      text,
  p_reason    text
)
  returns table (namespace text, name text, next_tick timestamptz)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Stops a schedule from making tasks; those it has made go on.
--
-- Returns  one row, with the first tick that is not decided
-- Raises   TK002, 22023 without a reason
-- Locks    the schedule
-- Calls    _check_reason, _held_schedule, _operator
#variable_conflict use_column
declare
  v_now      constant timestamptz := tasker._now();
  v_schedule tasker.schedules%rowtype;
begin
  perform tasker._check_reason(p_reason);
  v_schedule := tasker._held_schedule(p_namespace, p_name);
  if v_schedule.paused_at is null then
    update tasker.schedules as schedule
       set paused_at = v_now, paused_by = session_user, pause_reason = p_reason
     where schedule.schedule_id = v_schedule.schedule_id;
    perform tasker._operator('pause_schedule', p_namespace || '/' || p_name, p_reason, v_now);
  end if;
  return query select p_namespace, p_name, v_schedule.next_tick;
end;
$$;

comment on function tasker.pause_schedule is
'Stops a schedule from making tasks; those it has made go on. Ticks meanwhile are missed ones: when it is resumed, its "missed" says what becomes of them. The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
