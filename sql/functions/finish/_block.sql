create or replace function tasker._block (
  p_task_id bigint, p_now timestamptz, out ids bigint[], out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Marks a task as blocked by a step that failed for good. It ends in error as soon as nothing in it
-- can still run: at once, with the last running step, or at the next sweep.
--
-- Returns  the changes to record
-- Locks    the task
-- Calls    _finalize
declare
  v_log record;
begin
  ids     := '{}';
  changes := '{}';
  update tasker.tasks as task
     set state = 'blocked_by_failures'
   where task.task_id = p_task_id
     and task.state = 'in_progress';
  if found then
    insert into tasker.unfinalized_tasks (task_id, since)
    values (p_task_id, p_now)
    on conflict (task_id) do nothing;
    ids     := array[tasker._id_of_task(p_task_id)];
    changes := '{task in_progress -> blocked_by_failures}';
  end if;
  v_log   := tasker._finalize(p_task_id, false, p_now);
  ids     := ids || v_log.ids;
  changes := changes || v_log.changes;
end;
$$;

comment on function tasker._block is 'Marks a task as blocked by a permanent failure, and ends it in error if nothing in it can still run.';
