create or replace function tasker._check_counters (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
  set work_mem = '64MB'
as $$
-- Counters against a recount of the rows, with what finishing steps left to be counted later; and
-- the order of steps. In gated templates every end counts, in others only a success. The counters
-- of a task that was ended by decision are not looked at.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
-- Calls    _recovery_grace, _holds_up
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
  v_grace constant interval := tasker._recovery_grace();
begin
  return query
  with deferred as materialized (
    select deferred.step_id, sum(deferred.amount) as amount
      from tasker.deferred_decrements as deferred
     where deferred.step_id between v_first and v_last - 1
     group by 1
  ),
  recount as materialized (
    select parent.step_id - link.step_no + child_no as step_id,
           count(*) filter (where tasker._holds_up(parent.state, link.features)) as open,
           max(parent.finished_at) as last_end
      from tasker.steps as parent
      join tasker.template_steps as link
        on link.template_id = parent.template_id
       and link.step_no = tasker._step_no(parent.step_id)
     cross join unnest(link.children) as child_no
     where parent.step_id > v_first
       and parent.step_id < v_last
     group by 1
  ),
  step as (
    select step.step_id, step.state, step.waiting_parents,
           coalesce(deferred.amount, 0) as deferred, coalesce(recount.open, 0) as open,
           step.state <> 'cancelled'
             and step.waiting_parents
                 <> coalesce(recount.open, 0) + coalesce(deferred.amount, 0) as miscounted,
           step.state not in ('pending', 'cancelled') and recount.open > 0
             or step.attempt = 1  -- the clock may go back before the start, or another attempt
                and recount.last_end > greatest(step.enqueued_at, step.started_at) + v_grace
             as too_early,
           step.state = 'pending' and deferred.amount > 0 and recount.open = 0
             and recount.last_end < tasker._now() - v_grace as forgotten
      from tasker.steps as step
      left join recount on recount.step_id = step.step_id
      left join deferred on deferred.step_id = step.step_id
     where step.step_id > v_first
       and step.step_id < v_last
  )
  select broken.invariant, broken.severity, step.step_id,
         format('%s, waits for %s parents, %s deferred, %s are open',
                step.state, step.waiting_parents, step.deferred, step.open)
    from step
   cross join lateral (
         values ('a step waits for exactly its open parents', 'safety', step.miscounted),
                ('no step runs before its parents', 'safety', step.too_early),
                ('a deferred join is counted', 'convergence', step.forgotten)
         ) as broken (invariant, severity, is_broken)
   where (step.miscounted or step.too_early or step.forgotten)
     and broken.is_broken
  union all
  select 'a task waits for exactly its open sinks', 'safety', recount.step_id,
         format('%s, waits for %s sinks, %s deferred, %s are open',
                task.state, task.open_sinks, coalesce(deferred.amount, 0), recount.open)
    from recount
    join tasker.tasks as task on task.task_id = tasker._task_of(recount.step_id)
    left join deferred on deferred.step_id = recount.step_id
   where tasker._step_no(recount.step_id) = 0
     and task.state not in ('cancelled', 'resolved_manually')
     and task.open_sinks <> recount.open + coalesce(deferred.amount, 0)
  union all
  select 'a deferred decrement has a step or task', 'safety', deferred.step_id,
         format('%s deferred', deferred.amount)
    from deferred
   where not exists (select from tasker.steps as step where step.step_id = deferred.step_id)
     and not exists (select from tasker.tasks as task
                      where task.task_id = tasker._task_of(deferred.step_id)
                        and tasker._step_no(deferred.step_id) = 0);
end;
$$;

comment on function tasker._check_counters is 'check_invariants: counters against a recount, and the order of steps.';
