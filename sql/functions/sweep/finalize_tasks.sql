create or replace function tasker.finalize_tasks (p_limit bigint default 1000)
  returns table (action text, affected integer)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Ends the tasks that no last step has ended: blocked by failures with nothing left to run, or left
-- lying by their external processor. The other part of sweep; callers share the work.
--
-- Returns  one row, with how many tasks were ended
-- Raises   22023 for a limit outside 1 to sweep_rows
-- Locks    each task (skipping locked ones)
-- Calls    _sweep_unfinalized
#variable_conflict use_column
begin
  p_limit := coalesce(p_limit, 1000);
  perform tasker._check_count(p_limit, 1, 'sweep_rows');
  return query select 'tasks_finalized', tasker._sweep_unfinalized(p_limit::integer, tasker._now());
end;
$$;

comment on function tasker.finalize_tasks is
'Ends up to p_limit tasks that no last step has ended: blocked by failures with nothing left to run, or left lying for an hour by their external processor; expires finalization claims. A part of sweep, for runners that scale it by itself. Raises 22023 (bad limit).';
