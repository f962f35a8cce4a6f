create or replace function tasker._backfill_tick (p_namespace text, p_name text, p_id bigint)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Makes the task of a tick that is over (p_id: microseconds since 1970), whatever its schedule's
-- other tasks. A row of missed ticks that has it has one less.
--
-- Raises   TK002 the schedule or its template is gone; 22023, TK006 as create_task
-- Locks    the schedule
-- Calls    _held_schedule, _ticks, _make_task, _now
declare
  v_now      constant timestamptz := tasker._now();
  v_tick     constant timestamptz := timestamptz 'epoch' + p_id * interval '1 microsecond';
  v_schedule constant tasker.schedules := tasker._held_schedule(p_namespace, p_name);
  v_row      tasker.schedule_ticks%rowtype;
begin
  select tick.* into v_row from tasker.schedule_ticks as tick
   where tick.schedule_id = v_schedule.schedule_id
     and tick.tick_at <= v_tick
     and tick.last_at >= v_tick
   order by tick.outcome <> 'missed', tick.tick_at desc
   limit 1;
  if v_row.tick_at < v_tick or v_row.count > 1 then
    update tasker.schedule_ticks as tick
       set count   = tick.count - 1,
           tick_at = case when tick.tick_at < v_tick then tick.tick_at else coalesce(
             (select later.at
                from tasker._ticks(v_schedule.definition, v_tick, tick.last_at, 10000)
                       as later (at)
               where not exists (select from tasker.schedule_ticks as own
                                  where own.schedule_id = tick.schedule_id
                                    and own.tick_at = later.at)
               order by later.at limit 1),
             v_tick + interval '1 microsecond') end
     where tick.schedule_id = v_row.schedule_id
       and tick.tick_at = v_row.tick_at;
  end if;
  insert into tasker.schedule_ticks as tick
         (schedule_id, tick_at, decided_at, outcome, last_at, task_id, is_open)
  values (v_schedule.schedule_id, v_tick, v_now, 'backfilled', v_tick,
          tasker._make_task(v_schedule, v_tick, v_now), true)
  on conflict on constraint a_tick_is_decided_once do update
     set decided_at = excluded.decided_at,
         outcome    = excluded.outcome,
         count      = 1,
         task_id    = excluded.task_id,
         is_open    = true,
         detail     = null;
  update tasker.schedules as schedule
     set last_outcome = 'backfilled'
   where schedule.schedule_id = v_schedule.schedule_id
     and schedule.last_tick = v_tick;
end;
$$;

comment on function tasker._backfill_tick is 'Makes the task of a tick that is over.';
