create or replace function tasker._not_claimable (
  p_step_ids     bigint[],
  p_template_ids integer[],
  p_namespace_id integer
)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Which of these steps a worker of the namespace may not have, though their state would allow it:
-- the step is routed to another namespace, or its task or template is paused.
--
-- Returns  their step_ids
begin
  return array(
    with step as materialized (
      select step.step_id, step.template_id
        from unnest(p_step_ids, p_template_ids) as step (step_id, template_id)
    ),
    paused_task as materialized (
      select task.task_id
        from tasker.tasks as task
       where task.task_id = any (array(select distinct step.step_id >> 20 from step))
         and task.paused_at is not null
    ),
    paused_template as materialized (
      select template.template_id
        from tasker.task_templates as template
       where template.template_id = any (array(select distinct step.template_id from step))
         and template.paused_at is not null
    ),
    elsewhere as materialized (
      select kind.template_id, kind.step_no
        from (select distinct step.template_id, step.step_id & 1048575 as step_no from step) as kind
       cross join lateral (
             select link.namespace_id
               from tasker.template_steps as link
              where link.template_id = kind.template_id
                and link.step_no = kind.step_no
              limit 1
             ) as link
       where link.namespace_id <> p_namespace_id
    )
    select step.step_id
      from step
     where step.step_id >> 20 in (select paused_task.task_id from paused_task)
        or step.template_id in (select paused_template.template_id from paused_template)
        or (step.template_id, step.step_id & 1048575) in (
             select elsewhere.template_id, elsewhere.step_no from elsewhere)
  );
end;
$$;

comment on function tasker._not_claimable is 'Which of these steps must not be handed out: wrong namespace, or a paused task or template.';
