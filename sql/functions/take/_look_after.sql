create or replace function tasker._look_after (p_now timestamptz)
  returns boolean
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What a worker that found nothing does for all: it counts what finishing steps left for later,
-- enqueues what is due, and rings what alarms are due.
--
-- Returns  whether anything came of it
-- Locks    their rows; never waits
-- Calls    _apply_deferred, _sweep_timers, _fire_alarms
begin
  return case when exists (select from tasker.deferred_decrements)
                   or exists (select from tasker.timers as timer where timer.due_at <= p_now)
                   or exists (select from tasker.alarms as alarm where alarm.due_at <= p_now)
              then tasker._apply_deferred(p_now) > 0 or tasker._sweep_timers(100, p_now) > 0
                   or tasker._fire_alarms(100, p_now) > 0
              else false end;
end;
$$;

comment on function tasker._look_after is 'Counts deferred decrements, enqueues what is due and rings alarms. Returns whether anything came of it.';
