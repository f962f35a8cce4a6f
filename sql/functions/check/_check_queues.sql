create or replace function tasker._check_queues (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Every namespace has its queues, and the orchestration queues exist. (Of one task: those of its
-- steps.)
--
-- Returns  the violations; id is null
-- Calls    _queues_of
#variable_conflict use_column
begin
  return query
  select 'every queue exists', 'convergence', null::bigint,
         format('pgmq.q_%s is missing', queue.name)
    from (select unnest(tasker._queues_of(namespace.name)) as name
            from tasker.namespaces as namespace
           where p_task_id is null
              or exists (select
                           from tasker.tasks as task
                           join tasker.template_steps as link on link.template_id = task.template_id
                          where task.task_id = p_task_id
                            and link.namespace_id = namespace.namespace_id)
           union all
          select unnest(array['orchestration_step_results', 'orchestration_task_requests'])
         ) as queue
   where to_regclass(format('pgmq.%I', 'q_' || queue.name)) is null;
end;
$$;

comment on function tasker._check_queues is 'check_invariants: every queue exists.';
