create or replace function tasker.enqueue_steps (p_limit bigint default 1000)
  returns table (action text, affected integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
  set lock_timeout = '5ms'
as $$
-- Brings steps into their queues whose time has come, or that were lost on the way there. The part
-- of sweep that grows with the load: many callers at once share the work. What is urgent
-- comes first, and each kind stands by itself: one that meets a lock, or that statement_timeout or
-- a cancel cuts short, is left to the next sweep, and what the others did is committed.
--
-- Returns  one row per kind of action, with how much of it was done
-- Raises   22023 for a limit outside 1 to sweep_rows
-- Locks    what it repairs, a row at a time, skipping what others hold; waits for no lock longer
--          than 5 ms
-- Calls    _sweep_queues, _sweep_claims, _sweep_timers, _fire_alarms, _apply_deferred,
--          _sweep_submissions, _sweep_messages, _sweep_schedules
#variable_conflict use_column
declare
  v_now   constant timestamptz := tasker._now();
  v_limit integer;
begin
  p_limit := coalesce(p_limit, 1000);
  perform tasker._check_count(p_limit, 1, 'sweep_rows');
  v_limit := p_limit;
  delete from tasker.waiters as waiter
   where waiter.waiter_id = any (array(
           select old.waiter_id
             from tasker.waiters as old
            where old.until < v_now
              for update skip locked));
  foreach action in array array['queues_recreated', 'claims_taken_back', 'timers_fired',
                                'alarms_fired', 'joins_counted', 'submissions_processed',
                                'messages_restored', 'schedules_fired']
  loop
    affected := 0;
    begin
      affected := case action
        when 'queues_recreated'      then tasker._sweep_queues()
        when 'claims_taken_back'     then tasker._sweep_claims(v_limit, v_now)
        when 'timers_fired'          then tasker._sweep_timers(v_limit, v_now)
        when 'alarms_fired'          then tasker._fire_alarms(v_limit, v_now)
        when 'joins_counted'         then tasker._apply_deferred(v_now, v_limit)
        when 'submissions_processed' then tasker._sweep_submissions(v_limit, v_now)
        when 'messages_restored'     then tasker._sweep_messages(v_limit, v_now)
        when 'schedules_fired'       then tasker._sweep_schedules(v_limit, v_now)
      end;
    exception
      when lock_not_available then
        null;  -- somebody is at it; the next sweep looks again
      when query_canceled then
        raise warning 'tasker.sweep: % was cut short: %', action, sqlerrm;
    end;
    return next;
  end loop;
end;
$$;

comment on function tasker.enqueue_steps is
'Brings steps into their queues whose time has come or that were lost on the way, up to p_limit of each kind: claims whose lease ran out, due retries and scheduled tasks, alarms (waits that are over), deferred joins, forgotten submissions, lost messages and dropped queues; makes the tasks of due schedules. The larger part of sweep, for runners that scale it by itself; callers share the work. Raises 22023 (bad limit).';
