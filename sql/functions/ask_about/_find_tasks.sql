create or replace function tasker._find_tasks (
  p_filter       jsonb,
  p_template_ids integer[],
  p_hashes       uuid[],
  p_limit        integer,
  p_before       uuid,
  out task_ids   bigint[],
  out last_seen  uuid
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
-- Walks back in time through tasks until p_limit of them fit the filter, or 50000 did not: by
-- idempotency key, through the open tasks when the filter asks for an open state, else through all
-- tasks in order of uuid.
--
-- Returns  the tasks found, newest first, and the last one looked at; null when there is nothing
--          older
declare
  v_since constant timestamptz :=
    coalesce(tasker._check_time(p_filter -> 'since', 'since'), '-infinity');
  v_until constant timestamptz :=
    coalesce(tasker._check_time(p_filter -> 'until', 'until'), 'infinity');
  v_before constant uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_cursor refcursor;
  v_task   record;
  v_seen   integer := 0;
begin
  task_ids := '{}';
  if p_hashes is not null then
    open v_cursor for
      select task.*
        from tasker.idempotency_keys as key
        join tasker.tasks as task on task.task_id = key.task_id
       where key.idempotency_hash = any (p_hashes) and task.task_uuid < v_before
       order by task.task_uuid desc;
  elsif p_filter ->> 'state' in ('pending', 'in_progress', 'blocked_by_failures') then
    open v_cursor for
      select task.*
        from tasker.open_tasks as open
        join tasker.tasks as task on task.task_id = open.task_id
       where open.task_id < tasker._step_id(v_before) >> 20
       order by open.task_id desc;
  else
    open v_cursor for
      select task.* from tasker.tasks as task
       where task.task_uuid < least(v_before, tasker._uuid_floor(v_until + interval '2 ms'))
         and task.task_uuid >= tasker._uuid_floor(v_since)
       order by task.task_uuid desc;
  end if;
  loop
    fetch v_cursor into v_task;
    if not found then
      last_seen := null;
      exit;
    end if;
    exit when v_seen = 50000 or cardinality(task_ids) = p_limit;
    v_seen    := v_seen + 1;
    last_seen := v_task.task_uuid;
    if (p_template_ids is null or v_task.template_id = any (p_template_ids))
       and v_task.state::text = coalesce(p_filter ->> 'state', v_task.state::text)
       and coalesce(p_filter ->> 'tag' = any (v_task.tags), not p_filter ? 'tag')
       and coalesce(v_task.initiator = p_filter ->> 'initiator', not p_filter ? 'initiator')
       and v_task.created_at >= v_since
       and v_task.created_at < v_until then
      task_ids := task_ids || v_task.task_id;
    end if;
  end loop;
  close v_cursor;
end;
$$;

comment on function tasker._find_tasks is 'Walks back in time through tasks until enough fit a filter or 50000 were looked at. Returns them and where it stopped.';
