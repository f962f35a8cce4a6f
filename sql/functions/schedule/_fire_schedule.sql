create or replace function tasker._fire_schedule (p_schedule_id integer, p_now timestamptz)
  returns boolean
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Decides the ticks of a schedule that are due, up to one that makes a task, and plans the next.
-- They are computed again: the rules of a time zone may have changed since. One that is late by
-- more than a minute, or with another one due behind it, is missed, and the schedule says which of
-- those are made.
--
-- Returns  whether any tick was decided
-- Locks    the schedule (skipping it when it is locked), then as _decide_tick
-- Calls    _ticks, _last_tick, _note_missed, _decide_tick, _next_tick
declare
  v_schedule tasker.schedules%rowtype;
  v_plan     jsonb;
  v_bound    timestamptz;
  v_ticks    timestamptz[];
  v_tick     timestamptz;
  v_missed   timestamptz;
  v_next     record;
begin
  select schedule.* into v_schedule
    from tasker.schedules as schedule
   where schedule.schedule_id = p_schedule_id
     and schedule.due_at <= p_now
     and schedule.paused_at is null
     for no key update skip locked;
  if not found then
    return false;
  end if;
  v_plan  := v_schedule.definition;
  v_bound := v_schedule.decided_until;
  v_ticks := array(select tasker._ticks(v_plan, v_bound, 'infinity', 2));
  v_tick  := v_ticks[1];
  if v_tick <= p_now
     and (v_ticks[2] <= p_now or v_schedule.due_at < p_now - interval '1 minute') then
    v_bound := p_now - make_interval(secs => extract(epoch from coalesce(
      v_plan ->> 'catch_up', case v_plan ->> 'missed' when 'all' then 'P1D' end)::interval)
      ::double precision) - interval '1 microsecond';
    v_bound := greatest(v_schedule.decided_until, v_bound);
    v_tick  := case v_plan ->> 'missed'
                 when 'one' then tasker._last_tick(v_plan, v_bound, p_now)
                 when 'all' then (select tasker._ticks(v_plan, v_bound, p_now, 1)) end;
    v_missed := tasker._note_missed(
      v_schedule, coalesce(v_tick - interval '1 microsecond', p_now), p_now);
    v_bound := coalesce(v_tick, v_missed);
    v_schedule.last_outcome := 'missed';
  elsif v_tick <= p_now then
    v_bound := v_tick;
  else
    v_tick := null;
  end if;
  if v_tick is not null then
    v_schedule.last_outcome := tasker._decide_tick(v_schedule, v_tick, p_now);
  end if;

  v_next := tasker._next_tick(
    (select namespace.name from tasker.namespaces as namespace
      where namespace.namespace_id = v_schedule.namespace_id) || '/' || v_schedule.name,
    v_plan, v_bound);
  update tasker.schedules as schedule
     set decided_until = v_bound,
         last_tick     = coalesce(v_tick, v_missed, schedule.last_tick),
         last_outcome  = v_schedule.last_outcome,
         next_tick     = v_next.next_tick,
         delay         = v_next.delay
   where schedule.schedule_id = p_schedule_id;
  return coalesce(v_tick, v_missed) is not null;
end;
$$;

comment on function tasker._fire_schedule is 'Decides the ticks of a schedule that are due, up to one that makes a task. Returns whether any was.';
