create or replace function tasker._end_gated (
  p_sinks     bigint[],
  p_due       bigint[],
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts ended sinks off their tasks (p_sinks are step_no 0 ids, once for each sink; p_due those
-- with deferred ones), and ends those that wait for none any more: in error when a step is. The
-- call that failed a step has blocked its task before.
--
-- Returns  the changes to record
-- Locks    the tasks in id order; waits for none with more than 16 sinks, nor longer than half a
--          second
-- Calls    _defer_wide, _finalize
declare
  v_patience constant text := current_setting('lock_timeout');
  v_amounts jsonb;
  v_narrow  bigint[];
  v_wide    bigint[];
  v_free    record;
  v_zero    bigint[];
  v_log     record;
begin
  ids     := '{}';
  changes := '{}';
  select jsonb_object_agg(own.id, own.amount),
         array_agg(own.id order by own.id)
           filter (where template.sink_count <= 16 and own.amount > 0),
         array_agg(own.id order by own.id)
           filter (where template.sink_count > 16 or own.amount = 0)
    into v_amounts, v_narrow, v_wide
    from (select id, count(*) filter (where is_ended) as amount
            from (select id, true from unnest(p_sinks) as id
                   union all select id, false from unnest(p_due) as id) as entry (id, is_ended)
           group by id) as own
    join tasker.tasks as task on task.task_id = tasker._task_of(own.id)
    join tasker.task_templates as template on template.template_id = task.template_id;
  begin
    if v_patience::interval not between '1 ms' and '500 ms' then
      perform set_config('lock_timeout', '500ms', true);
    end if;
    perform from tasker.tasks as task
      where task.task_id = any (array(select tasker._task_of(id) from unnest(v_narrow) as id))
      order by task.task_id for no key update;
    perform set_config('lock_timeout', v_patience, true);
  exception when lock_not_available then  -- which takes the setting back, too
    v_wide   := v_wide || v_narrow;
    v_narrow := null;
  end;
  v_free := tasker._defer_wide(coalesce(v_wide, '{}'), v_amounts, true);
  v_amounts := v_amounts || coalesce(v_free.amounts, '{}');
  with counted as (
    update tasker.tasks as task
       set open_sinks = task.open_sinks
                        - (v_amounts ->> tasker._id_of_task(task.task_id)::text)::integer
     where task.task_id = any (
             array(select tasker._task_of(id) from unnest(v_narrow || v_free.ids) as id))
       and task.state in ('in_progress', 'blocked_by_failures', 'error')
    returning task.task_id, task.open_sinks
  )
  select array_agg(counted.task_id order by counted.task_id)
    into v_zero
    from counted
   where counted.open_sinks = 0;
  for i in 1 .. coalesce(cardinality(v_zero), 0) loop
    v_log := tasker._finalize(v_zero[i], false, p_now);
    if v_log.ids = '{}' then  -- an external processor ends it
      insert into tasker.unfinalized_tasks (task_id, since)
      select task.task_id, p_now
        from tasker.tasks as task
       where task.task_id = v_zero[i] and task.finished_at is null
          on conflict (task_id) do nothing;
    end if;
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end loop;
end;
$$;

comment on function tasker._end_gated is 'Counts ended sinks off tasks of gated templates and ends those that wait for none any more.';
