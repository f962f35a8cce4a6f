create or replace function tasker.trigger_schedule (
  p_namespace text,
  p_name      text,
  p_reason    text
)
  returns table (task_uuid uuid, created boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Makes a task of a schedule now, beside its plan, whatever its pause and its other tasks.
--
-- Returns  one row; created is false for a second call at the same instant
-- Raises   TK002; 22023 without a reason; 22023, TK006 what the template makes of the context
-- Locks    the schedule
-- Calls    _held_schedule, _make_task, _operator
#variable_conflict use_column
declare
  v_now      constant timestamptz := tasker._now();
  -- A plan has its ticks at whole seconds.
  v_tick     constant timestamptz :=
    v_now + case when date_trunc('second', v_now, 'UTC') = v_now then interval '1 microsecond'
                 else '0' end;
  v_schedule tasker.schedules%rowtype;
  v_task_id  bigint;
  v_created  boolean := false;
begin
  v_schedule := tasker._held_schedule(p_namespace, p_name);
  select tick.task_id into v_task_id from tasker.schedule_ticks as tick
   where tick.schedule_id = v_schedule.schedule_id and tick.tick_at = v_tick;
  if v_task_id is null then
    v_task_id := tasker._make_task(v_schedule, v_tick, v_now);
    insert into tasker.schedule_ticks (schedule_id, tick_at, decided_at, outcome, last_at, task_id,
                                       is_open, detail)
    values (v_schedule.schedule_id, v_tick, v_now, 'triggered', v_tick, v_task_id, true,
            jsonb_build_object('reason', p_reason, 'by', session_user));
    v_created := true;
    perform tasker._operator('trigger_schedule', p_namespace || '/' || p_name, p_reason, v_now);
  end if;
  return query
  select task.task_uuid, v_created from tasker.tasks as task where task.task_id = v_task_id;
end;
$$;

comment on function tasker.trigger_schedule is
'Makes a task of a schedule now, beside its plan: also while the schedule is paused, and whatever its "overlap" says. The tick is the moment of the call; the reason is recorded. Raises TK002 (unknown schedule, template or version), TK006, 22023 (no reason, a context that the input_schema refuses).';
