create or replace function tasker.sweep (p_limit integer default 1000)
  returns table (action text, affected integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Everything that must happen because time has passed or something was lost. Anybody may call it,
-- at any rate, from any number of places: safety never depends on it, recovery does. Call it
-- every second.
--
-- Returns  one row per kind of action, with how much of it was done
-- Raises   22023 for a limit outside 1 to sweep_rows
-- Locks    what it mends, a row at a time, skipping what others hold
-- Calls    _sweep_queues, _sweep_claims, _sweep_timers, _apply_deferred, _sweep_submissions,
--          _sweep_messages, _sweep_unfinalized
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  perform tasker._check_count(p_limit, 1, 'sweep_rows');
  delete from tasker.waiters as waiter
   where waiter.waiter_id = any (array(
           select old.waiter_id
             from tasker.waiters as old
            where old.until < v_now
              for update skip locked));
  return query select 'queues_recreated', tasker._sweep_queues();
  return query select 'claims_taken_back', tasker._sweep_claims(p_limit, v_now);
  return query select 'timers_fired', tasker._sweep_timers(p_limit, v_now);
  return query select 'joins_counted', tasker._apply_deferred(v_now, p_limit);
  return query select 'submissions_processed', tasker._sweep_submissions(p_limit, v_now);
  return query select 'messages_restored', tasker._sweep_messages(p_limit, v_now);
  return query select 'tasks_finalized', tasker._sweep_unfinalized(p_limit, v_now);
end;
$$;

comment on function tasker.sweep is
'Everything that must happen because time has passed or something was lost, up to p_limit of each kind: takes back claims whose lease ran out, enqueues due retries and scheduled tasks, counts deferred joins, processes forgotten submissions, restores lost messages and dropped queues, ends tasks that should have ended. Anybody may call it, from anywhere, as often as they like; once a second keeps recovery within a lease plus a second. Raises 22023 (bad limit).';
