create or replace function tasker._check_schedules (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Schedules against their ticks, and ticks against their tasks. Of one task: its tick.
--
-- Returns  the violations; id is a task's step_no 0, or null
-- Calls    _recovery_grace
#variable_conflict use_column
declare
  v_late constant timestamptz := tasker._now() - tasker._recovery_grace();
begin
  return query
  select 'an open task of a schedule counts as open', 'safety', tasker._id_of_task(tick.task_id),
         format('its tick of %s says that it has ended', tick.tick_at)
    from tasker.schedule_ticks as tick
    join tasker.open_tasks as open on open.task_id = tick.task_id
   where not tick.is_open
     and tick.task_id = coalesce(p_task_id, tick.task_id)
  union all
  select 'a tick has its schedule', 'safety', tasker._id_of_task(tick.task_id),
         format('the tick of %s', tick.tick_at)
    from tasker.schedule_ticks as tick
   where tick.task_id = coalesce(p_task_id, tick.task_id)
     and not exists (select from tasker.schedules as schedule
                      where schedule.schedule_id = tick.schedule_id)
  union all
  select 'a decided tick has its row', 'safety', null,
         format('schedule %s: the tick of %s', schedule.name, schedule.last_tick)
    from tasker.schedules as schedule
   where p_task_id is null
     and schedule.last_tick is not null
     and not exists (select from tasker.schedule_ticks as tick
                      where tick.schedule_id = schedule.schedule_id
                        and schedule.last_tick in (tick.tick_at, tick.last_at))
  union all
  select 'a due schedule fires', 'convergence', null,
         format('schedule %s: due %s', schedule.name, schedule.due_at)
    from tasker.schedules as schedule
   where p_task_id is null
     and schedule.paused_at is null
     and schedule.due_at < v_late
  union all
  select 'a queued tick starts when the tasks before it have ended', 'convergence', null,
         format('schedule %s: the tick of %s', schedule.name, queued.tick_at)
    from tasker.schedule_ticks as queued
    join tasker.schedules as schedule on schedule.schedule_id = queued.schedule_id
   where p_task_id is null
     and queued.outcome = 'queued'
     and schedule.paused_at is null
     and queued.decided_at < v_late
     and not exists (select
                       from tasker.schedule_ticks as tick
                       join tasker.tasks as task on task.task_id = tick.task_id
                      where tick.schedule_id = queued.schedule_id
                        and tick.is_open
                        and coalesce(task.finished_at, 'infinity') > v_late);
end;
$$;

comment on function tasker._check_schedules is 'check_invariants: schedules against their ticks, and ticks against their tasks.';
