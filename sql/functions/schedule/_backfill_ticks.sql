create or replace function tasker._backfill_ticks (p_filter jsonb)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- The ticks of a schedule between two moments, both included, that have made no task and wait for
-- none, as microseconds since 1970.
--
-- Returns  in order, one more than sweep_rows at most
-- Raises   TK002 when the schedule is gone
-- Calls    _schedule, _ticks, _limit
declare
  v_schedule constant tasker.schedules :=
    tasker._schedule(p_filter ->> 'namespace', p_filter ->> 'schedule');
begin
  return array(
    select (extract(epoch from tick.at) * 1000000)::bigint
      from tasker._ticks(v_schedule.definition,
                         (p_filter ->> 'from')::timestamptz - interval '1 microsecond',
                         (p_filter ->> 'to')::timestamptz,
                         tasker._limit('sweep_rows') + 1) as tick (at)
     where not exists (
             select from tasker.schedule_ticks as own
              where own.schedule_id = v_schedule.schedule_id
                and own.tick_at = tick.at
                and (own.task_id is not null or own.outcome = 'queued'))
     order by tick.at);
end;
$$;

comment on function tasker._backfill_ticks is 'The ticks of a schedule between two moments that have made no task.';
