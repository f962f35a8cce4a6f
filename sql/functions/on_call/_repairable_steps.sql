create or replace function tasker._repairable_steps (
  p_verb      text,
  p_filter    jsonb,
  p_templates integer[]
)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- The steps that a verb, or one for their tasks, is about: those that workers hold, or with state
-- enqueued such, for requeue_step; else those that failed for good, or with state waiting_for_retry
-- such.
--
-- Returns  their ids in order
#variable_conflict use_column
declare
  v_source constant text := case when p_verb = 'requeue_step'
                                   then coalesce(p_filter ->> 'state', 'in_progress')
                                 when p_verb like '%\_step%'
                                   then coalesce(p_filter ->> 'state', 'error')
                                 else 'error' end;
begin
  return array(
    select found.step_id
      from (select dead.step_id, dead.template_id
              from tasker.dead_steps as dead
             where v_source = 'error'
               and dead.fingerprint = coalesce(p_filter ->> 'fingerprint', dead.fingerprint)
             union all
            select step.step_id, step.template_id
              from tasker.timers as timer
              join tasker.steps as step on step.step_id = timer.step_id
             where v_source = 'waiting_for_retry' and step.state = 'waiting_for_retry'
             union all
            select step.step_id, step.template_id
              from tasker.claims as claim
             cross join unnest(claim.step_ids) as held_id
              join tasker.steps as step on step.step_id = held_id
                                       and step.claim_token = claim.token
             where v_source = 'in_progress' and step.state = 'in_progress'
               and claim.worker = coalesce(p_filter ->> 'worker', claim.worker)
             union all
            select step.step_id, step.template_id
              from tasker.open_tasks as open
              join tasker.steps as step on step.step_id > tasker._id_of_task(open.task_id)
                                       and step.step_id < tasker._id_of_task(open.task_id + 1)
             where v_source = 'enqueued' and step.state = 'enqueued') as found
      join tasker.template_steps as link on link.template_id = found.template_id
                                        and link.step_no = tasker._step_no(found.step_id)
     where (p_templates is null or found.template_id = any (p_templates))
       and link.name = coalesce(p_filter ->> 'step', link.name)
     order by found.step_id);
end;
$$;

comment on function tasker._repairable_steps is 'The steps that an operator''s verb, or one for their tasks, is about.';
