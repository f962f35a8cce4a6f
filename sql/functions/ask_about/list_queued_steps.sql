create or replace function tasker.list_queued_steps (
  p_namespace text,
  p_limit     bigint default 20
)
  returns table (
    queue_name text, step_uuid uuid, task_uuid uuid, namespace text, task_name text, name text,
    handler text, priority text, state text, attempt integer, max_attempts integer,
    enqueued_at timestamptz, waited interval, code text, blocks boolean, reason text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What is in a namespace's three queues, or was taken out by a worker that lacks its handler, the
-- longest waiting first, each with the first reason why nobody has it. Reads p_limit messages of
-- each queue, however many there are.
--
-- Returns  up to p_limit steps; none of a queue that was dropped. A step that is not enqueued was
--          cancelled or settled, and has no reason: a claim drops its message.
-- Raises   TK002 unknown namespace, 22023 null or limit out of range
-- Calls    _check_count, _namespace_id, _queues_of, _step_uuid, _priority_name, _reasons, _now
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
  v_namespace_id constant integer := tasker._namespace_id(p_namespace);
  v_queues constant text[] := tasker._queues_of(p_namespace);
  v_queue text;
  v_found bigint[];
  v_steps bigint[] := array[]::bigint[];
  v_names text[] := array[]::text[];
begin
  p_limit := coalesce(p_limit, 20);
  perform tasker._check_count(p_limit, 1, 'rows_per_call');
  foreach v_queue in array v_queues loop
    begin
      execute format(
        'select array_agg((head.message ->> ''step_id'')::bigint)
           from (select message from pgmq.%I order by msg_id limit $1) as head
          where head.message ->> ''step_id'' ~ ''^[0-9]{1,18}$''', 'q_' || v_queue)
        into v_found
        using p_limit;
    exception when undefined_table then  -- dropped, be it at this moment
      v_found := null;
    end;
    v_steps := v_steps || v_found;
    v_names := v_names || array_fill(v_queue, array[coalesce(cardinality(v_found), 0)]);
  end loop;
  select v_steps || array_agg(head.step_id), v_names || array_agg(head.queue)
    into v_steps, v_names
    from (select parked.step_id, v_queues[2 - parked.priority] as queue
            from tasker.parked_steps as parked
           where parked.namespace_id = v_namespace_id
           order by parked.handler, parked.priority desc, parked.step_id
           limit p_limit) as head;
  return query
  with listed as (
    select head.queue_name, step.*
      from unnest(v_names, v_steps) as head (queue_name, step_id)
      join tasker.steps as step on step.step_id = head.step_id
     order by step.enqueued_at, step.step_id
     limit p_limit
  )
  select listed.queue_name, tasker._step_uuid(task.task_uuid, listed.step_id), task.task_uuid,
         namespace.name, template.name, link.name, link.handler,
         tasker._priority_name(listed.priority), listed.state::text,
         listed.attempt + case when listed.state = 'enqueued' then 1 else 0 end,
         link.max_attempts::integer, listed.enqueued_at, v_now - listed.enqueued_at,
         why.code, why.blocks, why.reason, why.cure
    from listed
    join tasker.tasks as task on task.task_id = tasker._task_of(listed.step_id)
    join tasker.task_templates as template on template.template_id = listed.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
    join tasker.template_steps as link on link.template_id = listed.template_id
                                      and link.step_no = tasker._step_no(listed.step_id)
    left join (
         select distinct on (answer.step_id) answer.*
           from tasker._reasons(
                  array(select step_id from listed where state = 'enqueued')) as answer
          order by answer.step_id, answer.blocks desc, answer.rank
         ) as why on why.step_id = listed.step_id
   order by listed.enqueued_at, listed.step_id;
end;
$$;

comment on function tasker.list_queued_steps is
'What waits in a namespace''s queues, or beside them for its handler, the longest waiting first: up to p_limit steps with the task''s namespace and template, and the first reason why nobody has it (as explain_step says; a code that blocks says why a claim would not get it). A step that is not enqueued was cancelled or settled, and has no reason: a claim drops its message. Raises TK002 (unknown namespace), 22023 (null, limit out of range).';
