create or replace function tasker._last_ticks (p_schedule tasker.schedules, p_names text)
  returns table (code text, reason text, since timestamptz, cure text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Why the last ticks of a schedule, up to a hundred alike, made no task. p_names are its namespace
-- and name as they stand in SQL.
--
-- Returns  at most one row; none when the last one made a task
-- Calls    _wall_text, _counted, _utc
#variable_conflict use_column
declare
  v_zone  constant text := p_schedule.definition ->> 'time_zone';
  v_row   tasker.schedule_ticks%rowtype;
  v_first timestamptz;
  v_count bigint := 0;
  v_last  tasker.schedule_ticks%rowtype;
begin
  for v_row in
    select tick.* from tasker.schedule_ticks as tick
     where tick.schedule_id = p_schedule.schedule_id
       and tick.tick_at <= p_schedule.last_tick
       and tick.outcome not in ('triggered', 'backfilled')
     order by tick.tick_at desc
     limit 100
  loop
    v_last.outcome := coalesce(v_last.outcome, v_row.outcome);
    exit when v_row.outcome <> v_last.outcome;
    if v_count = 0 then
      v_last := v_row;
    end if;
    v_first := v_row.tick_at;
    v_count := v_count + v_row.count;
  end loop;
  return query
  select case v_last.outcome when 'missed' then 'tick_missed' when 'failed' then 'tick_failed'
                             else 'tick_overlapped' end,
         case v_last.outcome
           when 'queued' then format('its tick of %s waits for task %s to end',
                                     tasker._wall_text(v_last.tick_at, v_zone),
                                     v_last.detail ->> 'task_uuid')
           else format('its last %s, of %s%s, %s',
                       case v_count when 1 then 'tick' else tasker._counted(v_count, 'tick') end,
                       tasker._wall_text(v_first, v_zone),
                       ' to ' || tasker._wall_text(nullif(v_last.last_at, v_first), v_zone),
                       case v_last.outcome
                         when 'missed' then format('%s missed (missed: %s)',
                                                   case v_count when 1 then 'was' else 'were' end,
                                                   p_schedule.definition ->> 'missed')
                         when 'failed' then 'failed: ' || concat_ws(': ',
                                              v_last.detail ->> 'error', v_last.detail ->> 'detail')
                         else format('%s overlapped by task %s',
                                     case v_count when 1 then 'was' else 'were' end,
                                     v_last.detail ->> 'task_uuid') end)
         end,
         v_first,
         case v_last.outcome
           when 'missed' then format('select * from tasker.plan_backfill(%s, %L, %L)', p_names,
                                     tasker._utc(v_first), tasker._utc(v_last.last_at))
           when 'failed' then format('select * from tasker.put_schedule(%s, ''<definition>'')',
                                     p_names)
           else format('select * from tasker.explain_task(%L)', v_last.detail ->> 'task_uuid') end
   where v_last.outcome in ('missed', 'failed', 'overlapped', 'queued');
end;
$$;

comment on function tasker._last_ticks is 'Why the last ticks of a schedule made no task.';
