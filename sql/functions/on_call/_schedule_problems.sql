create or replace function tasker._schedule_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Schedules whose last tick made no task because of an error, the 100 that failed last, and those
-- that no sweep looks after.
--
-- Returns  problems
-- Calls    _wall_text, _recovery_grace, _counted, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  (select 'warning', 'schedule_failing', format('schedule %s/%s', namespace.name, schedule.name),
          tick.decided_at,
          format('its tick of %s made no task: %s', tasker._wall_text(
                   tick.tick_at, schedule.definition ->> 'time_zone'),
                 concat_ws(': ', tick.detail ->> 'error', tick.detail ->> 'detail')),
          format('select * from tasker.explain_schedule(%L, %L)', namespace.name, schedule.name),
          null::bigint
     from tasker.schedules as schedule
     join tasker.namespaces as namespace on namespace.namespace_id = schedule.namespace_id
     join tasker.schedule_ticks as tick on tick.schedule_id = schedule.schedule_id
                                       and tick.tick_at = schedule.last_tick
    where schedule.last_outcome = 'failed'
      and tick.outcome = 'failed'
    order by tick.decided_at desc
    limit 100)
  union all
  select 'critical', 'schedules_overdue', 'schedules', min(late.due_at),
         format('%s%s due for up to %s and not fired',
                case when count(*) = 1000 then 'at least ' else '' end,
                tasker._counted(count(*), 'schedule'), tasker._ago(v_now - min(late.due_at))),
         'select * from tasker.sweep()', count(*)
    from (select schedule.due_at
            from tasker.schedules as schedule
           where schedule.paused_at is null
             and schedule.due_at < v_now - tasker._recovery_grace()
           order by schedule.due_at
           limit 1000) as late
  having count(*) > 0;
end;
$$;

comment on function tasker._schedule_problems is 'problems: schedules that fail, and those that no sweep looks after.';
