create or replace function tasker._claim_rows (
  p_token uuid, p_lease_until timestamptz, p_step_ids bigint[], p_now timestamptz
)
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
    dependency_results jsonb,
    timeout_seconds    double precision,
    deadline           timestamptz,
    lease_seconds      double precision,
    dependency_states  jsonb,
    checkpoint         jsonb,
    checkpoint_number  bigint,
    step_id            bigint
  )
  language sql
  stable
begin atomic
-- What a worker gets to see of a claim: its steps with everything that a handler needs, and no more
-- time than is left. `limit 1` keeps every plan a nested loop over keys.
--
-- Returns  one row per step that the claim still holds, by step_id
-- Calls    _step_uuid, _left, _parent_states, _finish_by
select tasker._step_uuid(task.task_uuid, step.step_id),
       task.task_uuid,
       link.name,
       link.handler,
       step.attempt::integer,
       link.max_attempts::integer,
       p_token,
       least(p_lease_until, due.at + interval '5 seconds'),
       least(make_interval(secs => link.timeout_seconds), tasker._left(due.at, p_now)),
       link.config,
       task.context,
       case cardinality(link.parents) when 0 then '{}' when 1 then (
         select jsonb_build_object(link.parent_names[1], done.result) from tasker.steps as done
          where done.step_id = step.step_id - link.step_no + link.parents[1]
          limit 1) else (
         select jsonb_object_agg(link.parent_names[parent.position], result.result)
           from unnest(link.parents) with ordinality as parent (step_no, position)
          cross join lateral (
                select done.result from tasker.steps as done
                 where done.step_id = step.step_id - link.step_no + parent.step_no
                 limit 1) as result)
       end,
       least(link.timeout_seconds,
             extract(epoch from tasker._left(due.at, p_now)))::double precision,
       least(step.started_at + make_interval(secs => link.timeout_seconds), due.at),
       greatest(extract(epoch from least(p_lease_until, due.at + interval '5 seconds') - p_now),
                0)::double precision,
       case when link.features ? 'run_on' then tasker._parent_states(step.step_id) end,
       saved.checkpoint,
       saved.number,
       step.step_id
  from tasker.steps as step
 cross join lateral (
       select task.task_uuid, task.context, task.deadline from tasker.tasks as task
        where task.task_id = tasker._task_of(step.step_id) limit 1) as task
 cross join lateral (
       select link.step_no, link.name, link.handler, link.config, link.parents, link.parent_names,
              link.max_attempts, link.timeout_seconds, link.features
         from tasker.template_steps as link
        where link.template_id = step.template_id
          and link.step_no = tasker._step_no(step.step_id)
        limit 1) as link
  left join lateral (
       select saved.checkpoint, saved.number from tasker.checkpoints as saved
        where saved.step_id = step.step_id and step.has_checkpoint limit 1) as saved on true
 cross join lateral (
       select least(case when (link.features ->> 'run_on' in ('failure', 'end')) is not true
                         then task.deadline end,
                    case when link.features ? 'finish_within'
                         then tasker._finish_by(step.step_id) end) as at
       offset 0) as due
 where step.step_id = any (p_step_ids)
   and step.state = 'in_progress'
   and step.claim_token = p_token
 order by step.step_id;
end;

comment on function tasker._claim_rows is 'The steps of a claim with their inputs, as claim_steps and finish_and_claim return them.';
