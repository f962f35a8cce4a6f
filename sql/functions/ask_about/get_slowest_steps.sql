create or replace function tasker.get_slowest_steps (
  p_since     timestamptz default tasker._now() - interval '1 hour',
  p_limit     bigint default 10,
  p_namespace text default null,
  p_task      text default null,
  p_version   text default null
)
  returns table (
    step_uuid   uuid,
    task_uuid   uuid,
    namespace   text,
    task_name   text,
    version     text,
    name        text,
    state       text,
    duration    interval,
    waited      interval,
    attempts    integer,
    started_at  timestamptz,
    finished_at timestamptz
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
-- The steps that ended since a moment and whose last attempt ran longest.
--
-- Returns  up to p_limit steps, slowest first
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
    select step.*, tasker._ran_for(step.started_at, step.finished_at, step.seconds) as ran
      from tasker.steps as step
     where step.step_id = any (array(select change.id
                                       from tasker._changes as change
                                      where change.at >= p_since
                                        and change.change in ('step in_progress -> complete',
                                                              'step in_progress -> error')))
       and step.state in ('complete', 'error')
       and step.started_at is not null
       and step.template_id = any (v_templates)
     order by ran desc, step.step_id
     limit p_limit
  )
  select tasker._step_uuid(task.task_uuid, step.step_id),
         task.task_uuid,
         namespace.name,
         template.name,
         template.version,
         link.name,
         step.state::text,
         step.ran,
         greatest(step.finished_at - step.ran - step.enqueued_at, interval '0'),
         step.attempt::integer,
         step.started_at,
         step.finished_at
    from slowest as step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
    join tasker.task_templates as template on template.template_id = step.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
    join tasker.template_steps as link
      on link.template_id = step.template_id
     and link.step_no = tasker._step_no(step.step_id)
   order by step.ran desc, step.step_id;
end;
$$;

comment on function tasker.get_slowest_steps is
'The up to p_limit steps that ended since p_since (default: an hour ago) and whose last attempt ran longest, of all templates or those of a namespace, name and version. duration is what its worker measured (seconds), else the time since its claim; waited is the time between its enqueueing and its start. Costs as much as happened since then. Raises 22023 (bad moment or limit), TK002 (unknown namespace).';
