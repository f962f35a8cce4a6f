create or replace function tasker.list_ticks (
  p_namespace text,
  p_name      text,
  p_before    timestamptz default null,
  p_limit     bigint      default 100
)
  returns table (
    tick_at timestamptz, wall timestamp, decided_at timestamptz, outcome text, task_uuid uuid,
    task_state text, detail jsonb
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What happened to the ticks of a schedule.
--
-- Returns  up to p_limit, the newest first
-- Raises   TK002, 22023 for a limit outside 1 to rows_per_call
-- Calls    _schedule, _check_count, _wall, _utc
#variable_conflict use_column
declare
  v_schedule tasker.schedules%rowtype;
begin
  p_limit := coalesce(p_limit, 100);
  perform tasker._check_count(p_limit, 1, 'rows_per_call');
  v_schedule := tasker._schedule(p_namespace, p_name);
  return query
  select tick.tick_at,
         tick.tick_at at time zone (v_schedule.definition ->> 'time_zone'),
         tick.decided_at, tick.outcome, task.task_uuid, task.state::text,
         case tick.outcome
           when 'missed' then jsonb_build_object('count', tick.count,
                                                 'last_tick', tasker._utc(tick.last_at))
           else tick.detail end
    from tasker.schedule_ticks as tick
    left join tasker.tasks as task on task.task_id = tick.task_id
   where tick.schedule_id = v_schedule.schedule_id
     and tick.tick_at < coalesce(p_before, 'infinity')
   order by tick.tick_at desc
   limit p_limit;
end;
$$;

comment on function tasker.list_ticks is
'What happened to the ticks of a schedule, the newest first, before p_before: created, missed (detail: how many from here on, up to 10000 at a time, and the last), overlapped or queued (detail: the task that was open), failed (detail: the error), backfilled, triggered. wall is what a clock in the schedule''s time zone shows at tick_at. Raises TK002, 22023 (bad limit).';
