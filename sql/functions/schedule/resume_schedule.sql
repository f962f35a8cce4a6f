create or replace function tasker.resume_schedule (
  p_namespace text,
  p_name      text,
  p_reason    text
)
  returns table (namespace text, name text, next_tick timestamptz)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Lets a paused schedule make tasks again. The next sweep deals with the ticks of the pause.
--
-- Returns  one row, with the first tick that is not decided
-- Raises   TK002, 22023 without a reason
-- Locks    the schedule
-- Calls    _check_reason, _held_schedule, _operator
#variable_conflict use_column
declare
  v_schedule tasker.schedules%rowtype;
begin
  perform tasker._check_reason(p_reason);
  v_schedule := tasker._held_schedule(p_namespace, p_name);
  if v_schedule.paused_at is not null then
    update tasker.schedules as schedule
       set paused_at = null, paused_by = null, pause_reason = null
     where schedule.schedule_id = v_schedule.schedule_id;
    perform tasker._operator('resume_schedule', p_namespace || '/' || p_name, p_reason,
                             tasker._now());
  end if;
  return query select p_namespace, p_name, v_schedule.next_tick;
end;
$$;

comment on function tasker.resume_schedule is
'Lets a paused schedule make tasks again. What became due during the pause follows its "missed". The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
