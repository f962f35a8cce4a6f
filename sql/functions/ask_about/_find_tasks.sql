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
-- Looks back in time through tasks until p_limit of them fit the filter, or 50000 did not: by
-- idempotency key, through the open tasks when the filter asks for an open state, through those
-- with dead steps when it asks for errors, else through all tasks in order of uuid. Only one of the
-- four is asked, and it is read in its order, no further than needed.
--
-- Returns  the tasks found, newest first, and the last one looked at; null when there is nothing
--          older
-- Calls    _check_time, _uuid_floor, _step_id, _failed_tasks
declare
  v_since constant timestamptz :=
    coalesce(tasker._check_time(p_filter -> 'since', 'since'), '-infinity');
  v_until constant timestamptz :=
    coalesce(tasker._check_time(p_filter -> 'until', 'until'), 'infinity');
  v_before constant uuid := coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  v_state  constant tasker.task_state := (p_filter ->> 'state')::tasker.task_state;
  v_tag    constant text := p_filter ->> 'tag';
  v_by     constant text := p_filter ->> 'initiator';
  v_way    constant text := case
    when p_hashes is not null then 'key'
    when v_state in ('pending', 'in_progress', 'blocked_by_failures') then 'open'
    when v_state = 'error' then 'failed'
    else 'all' end;
  v_task   record;
  v_whole  boolean := true;
begin
  task_ids := '{}';
  for v_task in
    select seen.task_id, seen.task_uuid, seen.place, seen.fits
      from (select task.task_id, task.task_uuid, row_number() over () as place,
                   coalesce((p_template_ids is null or task.template_id = any (p_template_ids))
                            and (v_state is null or task.state = v_state)
                            and (v_tag is null or v_tag = any (task.tags))
                            and (v_by is null or task.initiator = v_by)
                            and task.created_at >= v_since
                            and task.created_at < v_until, false) as fits
              from ((select task.*
                       from tasker.idempotency_keys as key
                       join tasker.tasks as task on task.task_id = key.task_id
                      where v_way = 'key'
                        and key.idempotency_hash = any (p_hashes)
                        and task.task_uuid < v_before
                      order by task.task_uuid desc)
                    union all
                    (select task.*
                       from ((select open.task_id from tasker.open_tasks as open
                               where v_way = 'open'
                                 and open.task_id < tasker._task_of(tasker._step_id(v_before))
                               order by open.task_id desc)
                             union all
                             select failed.task_id
                               from tasker._failed_tasks(tasker._step_id(v_before)) as failed
                              where v_way = 'failed') as listed
                      cross join lateral (
                            select * from tasker.tasks as task
                             where task.task_id = listed.task_id limit 1) as task)
                    union all
                    (select task.* from tasker.tasks as task
                      where v_way = 'all'
                        and task.task_uuid
                            < least(v_before, tasker._uuid_floor(v_until + interval '2 ms'))
                        and task.task_uuid >= tasker._uuid_floor(v_since)
                      order by task.task_uuid desc)) as task
             limit 50000) as seen
     where seen.fits or seen.place = 50000
     limit p_limit + 1
  loop
    if cardinality(task_ids) = p_limit then
      return;  -- there is one more: the next page begins behind the last one found
    end if;
    if v_task.fits then
      task_ids := task_ids || v_task.task_id;
    end if;
    last_seen := v_task.task_uuid;
    v_whole   := v_task.place < 50000;
  end loop;
  if v_whole then
    last_seen := null;
  end if;
end;
$$;

comment on function tasker._find_tasks is 'Walks back in time through tasks until enough fit a filter or 50000 were looked at. Returns them and where it stopped.';
