create or replace function tasker._plant (
  p_template_id integer,
  p_task_ids    bigint[],
  p_options     jsonb,
  p_now         timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Gives new tasks their steps. Steps without parents are enqueued at once, or get a timer when the
-- tasks are to run later; history says who asked.
--
-- Calls    _send, _record
declare
  v_priority constant smallint := case p_options ->> 'priority'
                                    when 'high' then 1
                                    when 'low' then -1
                                    else 0
                                  end;
  v_run_at   constant timestamptz :=
    nullif(greatest((p_options ->> 'run_at')::timestamptz, p_now), p_now);
  v_roots    bigint[];
begin
  insert into tasker.open_tasks (task_id) select task_id from unnest(p_task_ids) as task_id;
  with planted as (
    insert into tasker.steps (step_id, template_id, priority, state, enqueued_at, waiting_parents)
    select (task.task_id << 20) + link.step_no, p_template_id, v_priority,
           case when link.parents = '{}' and v_run_at is null then 'enqueued'::tasker.step_state
                else 'pending' end,
           case when link.parents = '{}' and v_run_at is null then p_now end,
           cardinality(link.parents)
      from unnest(p_task_ids) as task (task_id)
     cross join (select link.step_no, link.parents
                   from tasker.template_steps as link
                  where link.template_id = p_template_id
                  order by link.step_no
                 offset 0) as link
    returning step_id, waiting_parents
  )
  select array_agg(planted.step_id order by planted.step_id) into v_roots
    from planted
   where planted.waiting_parents = 0;

  if v_run_at is not null then
    insert into tasker.timers (step_id, due_at)
    select step_id, v_run_at from unnest(v_roots) as step_id;
    perform tasker._record(
      array(select task_id << 20 from unnest(p_task_ids) as task_id),
      array_fill('task created'::tasker.transition, array[cardinality(p_task_ids)]),
      coalesce(p_options ->> 'initiator', session_user), p_options ->> 'reason', p_now);
  elsif v_roots is not null then
    perform tasker._send(v_roots, array_fill(p_template_id, array[cardinality(v_roots)]),
                         array_fill(v_priority, array[cardinality(v_roots)]), p_now);
    perform tasker._record(
      array(select task_id << 20 from unnest(p_task_ids) as task_id) || v_roots,
      array_fill('task created'::tasker.transition, array[cardinality(p_task_ids)])
        || array_fill('step pending -> enqueued'::tasker.transition, array[cardinality(v_roots)]),
      coalesce(p_options ->> 'initiator', session_user), p_options ->> 'reason', p_now);
  end if;
end;
$$;

comment on function tasker._plant is 'Gives new tasks their steps, enqueues the first ones (or sets their timers), and records it.';
