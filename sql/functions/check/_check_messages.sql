create or replace function tasker._check_messages (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Messages against the steps: one for each enqueued step that is not parked, in its own queue, and
-- none for others. A
-- pointer to a step that was cancelled or settled by hand may lie there until a claim comes upon
-- it. Of one task, as far as the first 10000 messages of its queues tell.
--
-- Returns  the violations; id is a step_id
-- Calls    _messages, _queue_of, _recovery_grace
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
begin
  return query
  with message as materialized (select * from tasker._messages(p_task_id)),
  head as materialized (
    select message.queue_name, min(message.enqueued_at) as oldest_at,
           p_task_id is null or count(*) < 10000 as is_whole
      from message
     group by message.queue_name
  ),
  pointer as materialized (
    select message.step_id, count(*) as messages, array_agg(message.queue_name) as queues
      from message
     where message.step_id > v_first
       and message.step_id < v_last
     group by message.step_id
  ),
  step as materialized (
    select step.step_id,
           step.template_id,
           step.state,
           step.claim_token,
           step.enqueued_at,
           tasker._queue_of(link.queue, step.priority) as queue,
           link.namespace_id
      from tasker.steps as step
      join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = tasker._step_no(step.step_id)
     where step.step_id > v_first
       and step.step_id < v_last
       and (step.state = 'enqueued' or step.step_id in (select pointer.step_id from pointer))
  )
  select broken.invariant, 'safety', pointer.step_id,
         format('%s messages in %s; the step is %s',
                pointer.messages, array_to_string(pointer.queues[1:5], ', '),
                coalesce(step.state::text, 'missing'))
    from pointer
    left join step on step.step_id = pointer.step_id
   cross join lateral (
         values ('a message points to an enqueued step', step.step_id is null
                 or step.state in ('pending', 'in_progress', 'waiting_for_retry', 'waiting')
                 or step.state in ('complete', 'error') and step.claim_token is not null),
                ('a step has at most one message', pointer.messages > 1),
                ('a message lies in its step''s own queue', step.queue <> any (pointer.queues))
         ) as broken (invariant, is_broken)
   where broken.is_broken
  union all
  select 'an enqueued step has a message or is parked', 'convergence', step.step_id,
         format('enqueued %s', step.enqueued_at)
    from step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
    join tasker.task_templates as template on template.template_id = step.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = step.namespace_id
    left join head on head.queue_name = step.queue
   where step.state = 'enqueued'
     and step.step_id not in (select pointer.step_id from pointer)
     and not exists (select from tasker.parked_steps as parked
                      where parked.step_id = step.step_id)
     and step.enqueued_at < tasker._now() - tasker._recovery_grace()
     and coalesce(head.oldest_at > step.enqueued_at and head.is_whole, true)
     and task.paused_at is null
     and template.paused_at is null
     and namespace.paused_at is null;
end;
$$;

comment on function tasker._check_messages is 'check_invariants: messages against the steps.';
