create or replace function tasker._plant (
  p_template     tasker.task_templates,
  p_task_ids     bigint[],
  p_contexts     jsonb[],
  p_options      jsonb,
  p_now          timestamptz,
  out task_ids   bigint[],
  out task_uuids uuid[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Makes tasks with their steps (p_task_ids, null for a context that makes none). Steps without
-- parents are enqueued at once (where they enter by the gate, it is decided about them), or get a
-- timer when the tasks are to run later; history says who asked.
--
-- Returns  the tasks made, in the order of their contexts
-- Calls    _deadline, _new_task_uuid, _send_roots, _note_creation, _enter_due, _record
declare
  v_priority constant smallint := case p_options ->> 'priority'
                                    when 'high' then 1 when 'low' then -1 else 0 end;
  v_run_at constant timestamptz :=
    nullif(greatest((p_options ->> 'run_at')::timestamptz, p_now), p_now);
  v_deadline constant timestamptz := tasker._deadline(p_template, p_options, p_now);
  v_is_at_once constant boolean := v_run_at is null and not p_template.enters;
  v_roots     bigint[];
  v_queues    text[];
  v_namespace integer;
  v_is_waited boolean;
  v_log       record;
begin
  with task as (
    insert into tasker.tasks (
      task_id, task_uuid, created_at, template_id, priority, finalize_externally, open_sinks,
      run_at, context, tags, initiator, source_system, reason, deadline
    )
    select wanted.task_id, tasker._new_task_uuid(wanted.task_id, p_now), p_now,
           p_template.template_id, v_priority, p_template.finalize_externally,
           p_template.sink_count, (p_options ->> 'run_at')::timestamptz, wanted.context,
           (select array_agg(tag) from jsonb_array_elements_text(p_options -> 'tags') as tag),
           p_options ->> 'initiator', p_options ->> 'source_system', p_options ->> 'reason',
           v_deadline
      from unnest(p_task_ids, p_contexts) as wanted (task_id, context)
     where wanted.task_id is not null
    returning task_id, task_uuid
  ),
  opened as (insert into tasker.open_tasks (task_id) select task.task_id from task),
  link as materialized (
    select link.step_no, link.parents, link.queue, link.namespace_id
      from tasker.template_steps as link
     where link.template_id = p_template.template_id order by link.step_no
  ),
  step as (
    insert into tasker.steps (step_id, template_id, priority, state, enqueued_at, waiting_parents)
    select tasker._id_of_task(task.task_id) + link.step_no, p_template.template_id, v_priority,
           case when link.parents = '{}' and v_is_at_once then 'enqueued'::tasker.step_state
                else 'pending' end,
           case when link.parents = '{}' and v_is_at_once then p_now end,
           cardinality(link.parents)
      from task cross join link
    returning step_id, waiting_parents
  )
  select coalesce(array_agg(task.task_id order by task.task_id), '{}'),
         coalesce(array_agg(task.task_uuid order by task.task_id), '{}'),
         (select array_agg(step_id order by step_id) from step where waiting_parents = 0),
         (select array_agg(distinct link.queue) from link where link.parents = '{}'),
         (select min(link.namespace_id) from link where link.parents = '{}'),
         exists (select from tasker.waiters)
    into task_ids, task_uuids, v_roots, v_queues, v_namespace, v_is_waited
    from task;

  if v_deadline is not null then
    insert into tasker.alarms (step_id, kind, due_at)
    select tasker._id_of_task(id), 'deadline', v_deadline from unnest(task_ids) as id;
  end if;
  if v_roots is null then
    return;
  elsif v_run_at is not null then
    insert into tasker.timers (step_id, due_at)
    select step_id, v_run_at from unnest(v_roots) as step_id;
  elsif p_template.enters then
    p_now := tasker._note_creation(task_ids, null, p_options, p_now);
    v_log := tasker._enter_due(v_roots, true, p_now);
    perform tasker._record(v_log.ids, v_log.changes, session_user, p_options ->> 'reason', p_now);
    return;
  else
    p_now := tasker._send_roots(v_roots, p_template.template_id, v_priority, v_queues,
                                case when v_is_waited then v_namespace end, p_now);
  end if;
  p_now := tasker._note_creation(task_ids, case when v_run_at is null then v_roots end, p_options,
                                 p_now);
end;
$$;

comment on function tasker._plant is 'Makes tasks with their steps, enqueues the first ones (or sets their timers), and records it.';
