create or replace function tasker._check_decisions (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- What was decided about steps of gated templates, against what is decided again from what their
-- parents ended as, from results and contexts.
--
-- Returns  the violations; id is a step_id
-- Calls    _decide
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
begin
  return query
  with entered as materialized (
    select decision.step_id, decision.decision, decision.cause, decision.saw, step.state,
           step.attempt
      from tasker.decisions as decision
      join tasker.steps as step on step.step_id = decision.step_id
     where decision.step_id > v_first
       and decision.step_id < v_last
       and decision.cause is distinct from 'handler_skipped'
  ),
  again as materialized (
    select own.* from tasker._decide(array(select entered.step_id from entered)) as own
  )
  select 'a decision follows from what the parents ended as', 'safety', entered.step_id,
         format('decided %s (%s) on %s, and now %s (%s) on %s', entered.decision, entered.cause,
                entered.saw, again.decision, again.cause, again.saw)
    from entered
    join again on again.step_id = entered.step_id
   where (entered.decision, entered.cause, entered.saw - 'skipped')
         is distinct from (again.decision, again.cause, again.saw)
  union all
  select 'a step does what was decided', 'safety', entered.step_id,
         format('%s (%s), and the step is %s', entered.decision, entered.cause, entered.state)
    from entered
   where entered.state in ('skipped', 'upstream_failed', 'error') <> (entered.decision <> 'run')
     and not (entered.decision = 'wait' and entered.state not in ('pending', 'upstream_failed'))
     and not (entered.decision = 'run'
              and (entered.state = 'error'
                   or entered.state = 'skipped' and (entered.attempt > 0 or exists (
                        select from tasker.step_failures as failure
                         where failure.step_id = entered.step_id
                           and failure.to_state = 'skipped'))))
     and not (entered.decision = 'fail' and entered.state in ('resolved_manually', 'complete'))
  union all
  select 'a step of a gated template moves by a decision', 'safety', step.step_id,
         format('%s, attempt %s', step.state, step.attempt)
    from tasker.task_templates as template
    join tasker.tasks as task on task.template_id = template.template_id
                             and task.task_id >= tasker._task_of(v_first)
                             and task.task_id < tasker._task_of(v_last)
    join tasker.steps as step on step.step_id > tasker._id_of_task(task.task_id)
                             and step.step_id < tasker._id_of_task(task.task_id + 1)
   where template.gated
     and step.step_id > v_first
     and step.step_id < v_last
     and (step.state in ('enqueued', 'in_progress', 'waiting_for_retry', 'waiting')
          or step.state in ('complete', 'skipped', 'upstream_failed')
             and (step.attempt > 0 or step.state <> 'complete'))
     and not exists (select from tasker.decisions as decision
                      where decision.step_id = step.step_id)
  union all
  select 'an undecided step is pending', 'safety', undecided.step_id,
         format('it is %s and waits for %s parents', step.state, step.waiting_parents)
    from tasker.undecided as undecided
    left join tasker.steps as step on step.step_id = undecided.step_id
   where undecided.step_id > v_first
     and undecided.step_id < v_last
     and (step.state = 'pending' and step.waiting_parents > 0
          or step.state not in ('pending', 'cancelled') or step.step_id is null);
end;
$$;

comment on function tasker._check_decisions is 'check_invariants: what was decided about steps, against what is decided again.';
