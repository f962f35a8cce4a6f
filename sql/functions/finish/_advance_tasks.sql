create or replace function tasker._advance_tasks (
  p_task_ids  bigint[],
  p_sinks     bigint[],
  p_wide      bigint[],
  p_amounts   jsonb,
  p_failed    bigint[],
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What follows from finished steps for their tasks (p_task_ids): sinks are counted off those in
-- p_sinks and, where nobody else holds them, p_wide (both as step_no 0 ids); those in p_failed are
-- blocked; and those that were blocked before may have come to their end.
--
-- Returns  the changes to record
-- Locks    the tasks in id order, then the free ones of p_wide
-- Calls    _count_or_defer, _defer_wide, _count_down_tasks, _block, _finalize_blocked
declare
  v_ending  bigint[];
  v_task_id bigint;
  v_free    record;
  v_log     record;
begin
  v_ending := case when exists (select from tasker.unfinalized_tasks) then array(
                select unfinalized.task_id
                  from tasker.unfinalized_tasks as unfinalized
                 where unfinalized.task_id = any (p_task_ids)) end;
  if cardinality(p_failed || v_ending) > 0 then
    perform from tasker.tasks as task
      where task.task_id = any (
              p_failed || v_ending || array(select tasker._task_of(id) from unnest(p_sinks) as id))
      order by task.task_id
        for no key update;
  end if;
  v_log   := tasker._count_or_defer(p_sinks, p_amounts, p_now);
  ids     := v_log.ids;
  changes := v_log.changes;
  -- Somebody may have blocked them while we waited.
  if cardinality(p_sinks) > 0 and exists (select from tasker.unfinalized_tasks) then
    v_ending := v_ending || array(
      select unfinalized.task_id
        from tasker.unfinalized_tasks as unfinalized
       where unfinalized.task_id = any (
               array(select tasker._task_of(id) from unnest(p_sinks) as id)));
  end if;

  if cardinality(p_wide) > 0 then
    v_free  := tasker._defer_wide(p_wide, p_amounts);
    v_log   := tasker._count_down_tasks(v_free.ids, v_free.amounts, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;

  foreach v_task_id in array p_failed loop
    v_log   := tasker._block(v_task_id, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end loop;
  if cardinality(v_ending) > 0 then
    v_log   := tasker._finalize_blocked(v_ending, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;
end;
$$;

comment on function tasker._advance_tasks is 'What follows from finished steps for their tasks: open sinks, blocks by failures, ends. Returns the changes to record.';
