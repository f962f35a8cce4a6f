create or replace function tasker._not_claimable (
  p_step_ids     bigint[],
  p_template_ids integer[],
  p_namespace_id integer,
  out refused    bigint[],
  out wide       bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Which of these steps a worker of the namespace may not have, though their state would allow it:
-- the step is routed to another namespace, or its task or template is paused.
--
-- Returns  their step_ids; and of the others, those that get the results of more than 8 parents
begin
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
  special as materialized (
    select kind.template_id, kind.step_no, link.namespace_id <> p_namespace_id as is_elsewhere
      from (select distinct step.template_id, step.step_id & 1048575 as step_no from step) as kind
     cross join lateral (
           select link.namespace_id, cardinality(link.parents) > 8 as is_wide
             from tasker.template_steps as link
            where link.template_id = kind.template_id
              and link.step_no = kind.step_no
            limit 1
           ) as link
     where link.namespace_id <> p_namespace_id or link.is_wide
  ),
  judged as (
    select step.step_id,
           step.step_id >> 20 in (select paused_task.task_id from paused_task)
             or step.template_id in (select paused_template.template_id from paused_template)
             or coalesce(special.is_elsewhere, false) as is_refused,
           special.step_no is not null as is_wide
      from step
      left join special on special.template_id = step.template_id
                       and special.step_no = step.step_id & 1048575
  )
  select coalesce(array_agg(judged.step_id) filter (where judged.is_refused), '{}'),
         coalesce(array_agg(judged.step_id) filter (where judged.is_wide and not judged.is_refused),
                  '{}')
    into refused, wide
    from judged;
end;
$$;

comment on function tasker._not_claimable is 'Which of these steps must not be handed out: wrong namespace, or a paused task or template.';
