create or replace function tasker._repairable (p_verb text, p_filter jsonb)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What a verb would be applied to: steps that failed for good (or, if the filter says so, that wait
-- for a retry); or tasks, those of such steps where the filter names a step, fingerprint or error,
-- else open ones.
--
-- Returns  step_ids in order, of tasks with step_no 0
-- Calls    _template_ids
#variable_conflict use_column
declare
  v_state     constant text := p_filter ->> 'state';
  v_templates constant integer[] := case when p_filter ?| '{namespace,template}'
    then tasker._template_ids(p_filter ->> 'namespace', p_filter ->> 'template', null) end;
  v_by_step   constant boolean := p_verb in ('retry_step', 'resolve_step');
  v_steps     bigint[];
begin
  if v_by_step and v_state = 'waiting_for_retry' then
    v_steps := array(
      select step.step_id
        from tasker.timers as timer
        join tasker.steps as step on step.step_id = timer.step_id
        join tasker.template_steps as link on link.template_id = step.template_id
                                          and link.step_no = step.step_id & 1048575
       where step.state = 'waiting_for_retry'
         and (v_templates is null or step.template_id = any (v_templates))
         and link.name = coalesce(p_filter ->> 'step', link.name)
       order by step.step_id);
  elsif v_by_step or p_filter ?| '{step,fingerprint}' or v_state = 'error' then
    v_steps := array(
      select dead.step_id
        from tasker.dead_steps as dead
        join tasker.template_steps as link on link.template_id = dead.template_id
                                          and link.step_no = dead.step_id & 1048575
       where (v_templates is null or dead.template_id = any (v_templates))
         and link.name = coalesce(p_filter ->> 'step', link.name)
         and dead.fingerprint = coalesce(p_filter ->> 'fingerprint', dead.fingerprint)
       order by dead.step_id);
  end if;
  if v_by_step then
    return v_steps;
  end if;
  return array(
    select task.task_id << 20
      from (select distinct id >> 20 as task_id from unnest(v_steps) as id
             union all
            select open.task_id from tasker.open_tasks as open where v_steps is null) as found
      join tasker.tasks as task on task.task_id = found.task_id
     where (v_templates is null or task.template_id = any (v_templates))
       and (task.state::text = coalesce(v_state, task.state::text) or v_state = 'error')
       and case p_verb
             when 'cancel_task' then task.finished_at is null
             when 'pause_task' then task.paused_at is null and task.finished_at is null
             when 'resume_task' then task.paused_at is not null and task.finished_at is null
             else true
           end
     order by task.task_id);
end;
$$;

comment on function tasker._repairable is 'What an operator''s verb would be applied to: the steps or tasks that match a filter.';
