create or replace function tasker._claimed (p_token uuid)
  returns table (
    step_uuid          uuid,
    task_uuid          uuid,
    name               text,
    handler            text,
    attempt            integer,
    max_attempts       integer,
    token              uuid,
    lease_until        timestamptz,
    timeout            interval,
    config             jsonb,
    context            jsonb,
    dependency_results jsonb
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What a worker gets to see of a claim: its steps with everything that a handler needs.
--
-- Returns  one row per step that the claim still holds, by step_id
#variable_conflict use_column
declare
  v_claim tasker.claims%rowtype;
begin
  select claim.* into v_claim from tasker.claims as claim where claim.token = p_token;
  return query
  with step as materialized (
    select step.step_id, step.template_id, step.attempt::integer as attempt
      from tasker.steps as step
     where step.step_id = any (v_claim.step_ids)
       and step.state = 'in_progress'
       and step.claim_token = p_token
  ),
  task as materialized (
    select task.task_id, task.task_uuid, task.context
      from tasker.tasks as task
     where task.task_id = any (array(select distinct step.step_id >> 20 from step))
  ),
  link as materialized (
    select link.*
      from (select distinct step.template_id, (step.step_id & 1048575)::integer as step_no
              from step) as kind
     cross join lateral (
           select link.template_id,
                  link.step_no,
                  link.name,
                  link.handler,
                  link.max_attempts::integer as max_attempts,
                  link.timeout_seconds,
                  link.config,
                  link.parents,
                  link.parent_names
             from tasker.template_steps as link
            where link.template_id = kind.template_id
              and link.step_no = kind.step_no
            limit 1
           ) as link
  ),
  dependency as materialized (
    select step.step_id as child_id,
           step.step_id - link.step_no + parent.step_no as step_id,
           parent.name
      from step
      join link on link.template_id = step.template_id and link.step_no = step.step_id & 1048575
     cross join unnest(link.parents, link.parent_names) as parent (step_no, name)
  ),
  parent as materialized (
    select parent.step_id, parent.result
      from tasker.steps as parent
     where parent.step_id = any (
             array(select distinct dependency.step_id from dependency order by 1))
  ),
  input as materialized (
    select dependency.child_id, jsonb_object_agg(dependency.name, parent.result) as results
      from dependency
      join parent on parent.step_id = dependency.step_id
     group by dependency.child_id
  )
  select tasker._step_uuid(task.task_uuid, step.step_id),
         task.task_uuid,
         link.name,
         link.handler,
         step.attempt,
         link.max_attempts,
         p_token,
         v_claim.lease_until,
         make_interval(secs => link.timeout_seconds),
         link.config,
         task.context,
         coalesce(input.results, '{}')
    from step
    join task on task.task_id = step.step_id >> 20
    join link on link.template_id = step.template_id and link.step_no = step.step_id & 1048575
    left join input on input.child_id = step.step_id
   order by step.step_id;
end;
$$;

comment on function tasker._claimed is 'The steps of a claim with their inputs, as claim_steps and finish_and_claim return them.';
