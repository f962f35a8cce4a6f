create or replace function tasker.sweep (p_limit bigint default 1000)
  returns table (action text, affected integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Everything that must happen because time has passed or something was lost. Anybody may call it,
-- at any rate, from any number of places: safety never depends on it, recovery does. Call it
-- every second.
--
-- Returns  one row per kind of action, with how much of it was done
-- Raises   22023 for a limit outside 1 to sweep_rows
-- Locks    what it repairs, a row at a time, skipping what others hold
-- Calls    enqueue_steps, finalize_tasks
#variable_conflict use_column
begin
  return query select done.action, done.affected from tasker.enqueue_steps(p_limit) as done;
  return query select done.action, done.affected from tasker.finalize_tasks(p_limit) as done;
end;
$$;

comment on function tasker.sweep is
'Everything that must happen because time has passed or something was lost, up to p_limit of each kind: takes back claims whose lease ran out, enqueues due retries and scheduled tasks, ends waits whose time is up, counts deferred joins, processes forgotten submissions, restores lost messages and dropped queues, makes the tasks of due schedules, ends tasks that should have ended. Anybody may call it, from anywhere, as often as they like; once a second keeps recovery within a lease plus a second. Raises 22023 (bad limit).';
