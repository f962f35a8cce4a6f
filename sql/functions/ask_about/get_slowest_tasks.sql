create or replace function tasker.get_slowest_tasks (
  p_since     timestamptz default tasker._now() - interval '1 hour',
  p_limit     bigint default 10,
  p_namespace text default null,
  p_task      text default null,
  p_version   text default null
)
  returns table (
    task_uuid             uuid,
    namespace             text,
    name                  text,
    version               text,
    state                 text,
    duration              interval,
    waited                interval,
    total_steps           integer,
    slowest_step          text,
    slowest_step_duration interval,
    created_at            timestamptz,
    started_at            timestamptz,
    finished_at           timestamptz
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
-- The tasks that ended since a moment and that took longest, each with its slowest step.
--
-- Returns  up to p_limit tasks, slowest first
-- Raises   22023 for a bad moment or limit, TK002 for an unknown namespace
-- Calls    _check_since, _check_count, _template_ids, _ran_for
#variable_conflict use_column
declare
  v_templates constant integer[] := tasker._template_ids(p_namespace, p_task, p_version);
begin
  p_limit := coalesce(p_limit, 10);
  p_since := coalesce(p_since, tasker._now() - interval '1 hour');
  perform tasker._check_since(p_since);
  perform tasker._check_count(p_limit, 1, 'rows_per_call');
  return query
  with slowest as materialized (
    select task.*, greatest(task.created_at, task.run_at) as due_at
      from tasker.tasks as task
     where task.task_id = any (array(select tasker._task_of(change.id)
                                       from tasker._changes as change
                                      where change.at >= p_since
                                        and change.change in ('task in_progress -> complete',
                                                              'task blocked_by_failures -> error')))
       and task.finished_at is not null
       and task.template_id = any (v_templates)
     order by task.finished_at - greatest(task.created_at, task.run_at) desc, task.task_id
     limit p_limit
  )
  select task.task_uuid,
         namespace.name,
         template.name,
         template.version,
         task.state::text,
         greatest(task.finished_at - task.due_at, interval '0'),
         greatest(task.started_at - task.due_at, interval '0'),
         template.step_count,
         step.name,
         step.duration,
         task.created_at,
         task.started_at,
         task.finished_at
    from slowest as task
    join tasker.task_templates as template on template.template_id = task.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
    left join lateral (
         select link.name,
                tasker._ran_for(step.started_at, step.finished_at, step.seconds) as duration
           from tasker.steps as step
           join tasker.template_steps as link
             on link.template_id = step.template_id
            and link.step_no = tasker._step_no(step.step_id)
          where step.step_id > tasker._id_of_task(task.task_id)
            and step.step_id < tasker._id_of_task(task.task_id + 1)
            and step.started_at is not null
          order by duration desc nulls last
          limit 1
         ) as step on true
   order by task.finished_at - task.due_at desc, task.task_id;
end;
$$;

comment on function tasker.get_slowest_tasks is
'The up to p_limit tasks that ended since p_since (default: an hour ago) and took longest from their creation (or run_at) to their end, of all templates or those of a namespace, name and version, each with its slowest step. waited is the time until the first step was claimed. Costs as much as happened since then. Raises 22023 (bad moment or limit), TK002 (unknown namespace).';
