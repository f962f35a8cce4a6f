create or replace function tasker._finalize_blocked (
  p_task_ids bigint[], p_now timestamptz, out ids bigint[], out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends those of the tasks that are blocked by failures and in which nothing can run any more.
-- Two steps that end at once do not see each other; the sweep asks again.
--
-- Returns  the changes to record
-- Locks    nothing: the caller holds the tasks
-- Calls    _finalize
declare
  v_task_id bigint;
  v_log     record;
begin
  ids     := '{}';
  changes := '{}';
  for v_task_id in
    select unfinalized.task_id
      from tasker.unfinalized_tasks as unfinalized
     where unfinalized.task_id = any (p_task_ids)
  loop
    v_log   := tasker._finalize(v_task_id, false, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end loop;
end;
$$;

comment on function tasker._finalize_blocked is 'Ends those of the given tasks that are blocked by failures with nothing left to run.';
