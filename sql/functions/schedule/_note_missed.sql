create or replace function tasker._note_missed (
  p_schedule tasker.schedules,
  p_until    timestamptz,
  p_now      timestamptz
)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Writes down that the ticks that are not decided yet, up to and at a moment, are missed. Up to
-- 10000 are counted. They share a row with missed ones just before them; ticks that were backfilled
-- have rows of their own.
--
-- Returns  the last of them; null when there is none
-- Calls    _ticks, _last_tick
declare
  v_first timestamptz;
  v_last  timestamptz;
  v_seen  bigint;
  v_count bigint;
begin
  select min(tick.at) filter (where not tick.is_decided), max(tick.at), count(*),
         count(*) filter (where not tick.is_decided)
    into v_first, v_last, v_seen, v_count
    from (select each.at, exists (select from tasker.schedule_ticks as own
                                   where own.schedule_id = p_schedule.schedule_id
                                     and own.tick_at = each.at) as is_decided
            from tasker._ticks(p_schedule.definition, p_schedule.decided_until, p_until, 10000)
                   as each (at)) as tick;
  if v_seen = 10000 then
    v_last := tasker._last_tick(p_schedule.definition, p_schedule.decided_until, p_until);
  end if;
  if v_count > 0 then
    update tasker.schedule_ticks as tick
       set count = tick.count + v_count, last_at = v_last, decided_at = p_now
     where tick.schedule_id = p_schedule.schedule_id
       and tick.tick_at = (select own.tick_at from tasker.schedule_ticks as own
                            where own.schedule_id = p_schedule.schedule_id
                              and own.tick_at <= p_schedule.last_tick
                              and own.outcome not in ('triggered', 'backfilled')
                            order by own.tick_at desc limit 1)
       and tick.outcome = 'missed';
    if not found then
      insert into tasker.schedule_ticks (schedule_id, tick_at, decided_at, outcome, count, last_at)
      values (p_schedule.schedule_id, v_first, p_now, 'missed', v_count, v_last);
    end if;
  end if;
  return v_last;
end;
$$;

comment on function tasker._note_missed is 'Writes down that ticks up to a moment are missed. Returns the last of them.';
