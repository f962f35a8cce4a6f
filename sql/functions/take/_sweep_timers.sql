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
  v_due   bigint[];
  v_done  integer := 0;
  v_first bigint  := 0;
begin
  loop
    v_due := array(
      select timer.step_id
        from tasker.timers as timer
       where timer.due_at <= p_now
       order by timer.due_at, timer.step_id
      offset v_first
       limit p_limit);
    exit when cardinality(v_due) = 0;
    v_done := cardinality(tasker._enqueue_due(v_due, 'sweep', null, p_now));
    exit when v_done > 0 or cardinality(v_due) < p_limit;
    v_first := v_first + p_limit;  -- somebody holds all of these: look behind them
  end loop;
  return v_done;
end;
$$;

comment on function tasker._sweep_timers is 'Enqueues steps whose retry or run_at is due. Returns how many.';
