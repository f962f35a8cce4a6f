create or replace function tasker._sweep_timers (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
as $$
-- Enqueues steps whose time has come: retries after their backoff, first steps of tasks with
-- run_at. A timer whose step does not wait any more is removed. A queue that somebody locks keeps
-- the steps of the others from nothing.
--
-- Returns  how many steps were enqueued
-- Locks    steps (skipping locked ones), then timers; waits for no queue longer than 5 ms
-- Calls    _enqueue_due
declare
  v_due   bigint[];
  v_queue record;
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
    begin
      v_done := cardinality(tasker._enqueue_due(v_due, 'sweep', null, p_now));
    exception when lock_not_available then
      for v_queue in
        select array_agg(step.step_id) as step_ids
          from unnest(v_due) as due (step_id)
         cross join lateral (
               select step.step_id, step.template_id, step.priority
                 from tasker.steps as step
                where step.step_id = due.step_id
                limit 1) as step
         cross join lateral (
               select link.queue
                 from tasker.template_steps as link
                where link.template_id = step.template_id
                  and link.step_no = tasker._step_no(step.step_id)
                limit 1) as link
         group by link.queue, step.priority
      loop
        begin
          v_done := v_done
                  + cardinality(tasker._enqueue_due(v_queue.step_ids, 'sweep', null, p_now));
        exception when lock_not_available then null;  -- the next sweep looks again
        end;
      end loop;
    end;
    exit when v_done > 0 or cardinality(v_due) < p_limit;
    v_first := v_first + p_limit;  -- somebody holds all of these: look behind them
  end loop;
  return v_done;
end;
$$;

comment on function tasker._sweep_timers is 'Enqueues steps whose retry or run_at is due. Returns how many.';
