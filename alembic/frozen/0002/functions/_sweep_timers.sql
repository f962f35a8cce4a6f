create or replace function tasker._sweep_timers (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Enqueues steps whose time has come: retries after their backoff, first steps of tasks with
-- run_at. A timer whose step does not wait any more is removed.
--
-- Returns  how many steps were enqueued
-- Locks    steps (skipping locked ones), then timers
-- Calls    _enqueue_due
declare
  v_due bigint[];
begin
  v_due := array(
    select timer.step_id
      from tasker.timers as timer
     where timer.due_at <= p_now
     order by timer.due_at
     limit p_limit);
  if cardinality(v_due) = 0 then
    return 0;
  end if;
  return cardinality(tasker._enqueue_due(v_due, 'sweep', null, p_now));
end;
$$;

comment on function tasker._sweep_timers is 'Enqueues steps whose retry or run_at is due. Returns how many.';
