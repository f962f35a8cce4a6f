create or replace function tasker.enqueue_steps (p_limit bigint default 1000)
  returns table (action text, affected integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Brings steps into their queues whose time has come, or that were lost on the way there. The part
-- of sweep that grows with the load: many callers at once share the work.
--
-- Returns  one row per kind of action, with how much of it was done
-- Raises   22023 for a limit outside 1 to sweep_rows
-- Locks    what it mends, a row at a time, skipping what others hold
-- Calls    _sweep_queues, _sweep_claims, _sweep_timers, _apply_deferred, _sweep_submissions,
--          _sweep_messages
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  p_limit := coalesce(p_limit, 1000);
  perform tasker._check_count(p_limit, 1, 'sweep_rows');
  delete from tasker.waiters as waiter
   where waiter.waiter_id = any (array(
           select old.waiter_id
             from tasker.waiters as old
            where old.until < v_now
              for update skip locked));
  return query select 'queues_recreated', tasker._sweep_queues();
  return query select 'claims_taken_back', tasker._sweep_claims(p_limit::integer, v_now);
  return query select 'timers_fired', tasker._sweep_timers(p_limit::integer, v_now);
  return query select 'joins_counted', tasker._apply_deferred(v_now, p_limit::integer);
  return query select 'submissions_processed', tasker._sweep_submissions(p_limit::integer, v_now);
  return query select 'messages_restored', tasker._sweep_messages(p_limit::integer, v_now);
end;
$$;

comment on function tasker.enqueue_steps is
'Brings steps into their queues whose time has come or that were lost on the way, up to p_limit of each kind: claims whose lease ran out, due retries and scheduled tasks, deferred joins, forgotten submissions, lost messages and dropped queues. The larger part of sweep, for runners that scale it by itself; callers share the work. Raises 22023 (bad limit).';
