create or replace function tasker._check_counters (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Counters against a recount of the rows, with what finishing steps left to be counted later; and the order of
-- steps. The counters of a task that was ended by decision stand still and are not looked at.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
-- Calls    _recovery_grace, _satisfies
#variable_conflict use_column
declare
  v_first constant bigint := coalesce(p_task_id, 0);
  v_last  constant bigint := coalesce(p_task_id, 4398046511103);
  v_grace constant interval := tasker._recovery_grace();
begin
  return query
  with step as materialized (
    select step.step_id, step.template_id, step.state, step.waiting_parents, step.started_at, step.finished_at
      from tasker.steps as step
     where step.step_id > v_first << 20
       and step.step_id < (v_last + 1) << 20
  ),
  deferred as materialized (
    select deferred.step_id, sum(deferred.amount) as amount from tasker.deferred_decrements as deferred group by deferred.step_id
  ),
  edge as materialized (
    select link.template_id, link.step_no, child.step_no as child_no
      from tasker.template_steps as link cross join unnest(link.children) as child (step_no)
  ),
  recount as materialized (
    select parent.step_id - edge.step_no + edge.child_no as step_id,
           count(*) filter (where not tasker._satisfies(parent.state)) as open,
           max(parent.finished_at) as last_end
      from step as parent
      join edge on edge.template_id = parent.template_id and edge.step_no = parent.step_id & 1048575
     group by 1
  )
  select broken.invariant, broken.severity, step.step_id,
         format('%s, waits for %s parents, %s deferred, %s are open', step.state, step.waiting_parents,
                coalesce(deferred.amount, 0), coalesce(recount.open, 0))
    from step
    left join recount on recount.step_id = step.step_id
    left join deferred on deferred.step_id = step.step_id
   cross join lateral (
         values ('a step waits for exactly its open parents', 'safety', step.state <> 'cancelled'
                 and step.waiting_parents <> coalesce(recount.open, 0) + coalesce(deferred.amount, 0)),
                ('no step runs before its parents', 'safety', recount.open > 0 and step.state not in ('pending', 'cancelled')
                 or recount.last_end > step.started_at + v_grace),
                ('a deferred join is counted', 'convergence', step.state = 'pending' and recount.open = 0
                 and deferred.amount > 0 and recount.last_end < tasker._now() - v_grace)
         ) as broken (invariant, severity, is_broken)
   where broken.is_broken
  union all
  select 'a task waits for exactly its open sinks', 'safety', task.task_id << 20,
         format('%s, waits for %s sinks, %s deferred, %s are open', task.state, task.open_sinks, coalesce(deferred.amount, 0), recount.open)
    from tasker.tasks as task
    join recount on recount.step_id = task.task_id << 20
    left join deferred on deferred.step_id = task.task_id << 20
   where task.task_id between v_first and v_last
     and task.state not in ('cancelled', 'resolved_manually')
     and task.open_sinks <> recount.open + coalesce(deferred.amount, 0)
  union all
  select 'only a living step or task has a deferred decrement', 'safety', deferred.step_id, format('%s deferred', deferred.amount)
    from deferred
   where deferred.step_id >= v_first << 20
     and deferred.step_id < (v_last + 1) << 20
     and not exists (select from step where step.step_id = deferred.step_id)
     and not exists (select from tasker.tasks as task where task.task_id << 20 = deferred.step_id);
end;
$$;

comment on function tasker._check_counters is 'check_invariants: counters against a recount, and the order of steps.';
