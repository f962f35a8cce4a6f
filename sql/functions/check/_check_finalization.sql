create or replace function tasker._check_finalization (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- How tasks end, against the states of their steps.
--
-- Returns  the violations; id is the task's step_id (step_no 0)
-- Calls    _recovery_grace, _satisfies
#variable_conflict use_column
declare
  v_first constant bigint := coalesce(p_task_id, 0);
  v_last  constant bigint := coalesce(p_task_id, 4398046511103);
  v_now   constant timestamptz := tasker._now();
  v_grace constant interval := tasker._recovery_grace();
begin
  return query
  with counted as materialized (
    select tasker._task_of(step.step_id) as task_id,
           count(*) as total,
           count(*) filter (where tasker._satisfies(step.state)) as done,
           count(*) filter (where step.state = 'error') as failed,
           count(*) filter (where step.state in ('cancelled', 'upstream_failed')) as stopped,
           count(*) filter (where step.state = 'cancelled') as cancelled,
           count(*) filter (where step.state in ('enqueued', 'in_progress', 'waiting_for_retry',
                                                    'waiting')
                               or step.state = 'pending' and step.waiting_parents = 0) as active
      from tasker.steps as step
     where step.step_id > tasker._id_of_task(v_first)
       and step.step_id < tasker._id_of_task(v_last + 1)
     group by 1
  )
  select broken.invariant, broken.severity, tasker._id_of_task(task.task_id),
         format('%s, %s open sinks; of %s steps %s done, %s failed, %s cancelled, '
                '%s can move; unfinalized since %s',
                task.state, task.open_sinks, counted.total, counted.done, counted.failed,
                counted.cancelled, counted.active, unfinalized.since)
    from tasker.tasks as task
    join tasker.task_templates as template on template.template_id = task.template_id
    left join counted on counted.task_id = task.task_id
    left join lateral (select other.task_id, other.since from tasker.unfinalized_tasks as other
                        where other.task_id = task.task_id limit 1) as unfinalized on true
   cross join lateral (
         values ('a task has all its steps', 'safety',
                 counted.total is distinct from template.step_count),
                ('a complete task has only steps that are done', 'safety',
                 task.state = 'complete' and counted.done < counted.total),
                ('a cancelled or resolved task has no open step', 'safety',
                 task.state in ('cancelled', 'resolved_manually')
                 and counted.done + counted.failed + counted.stopped < counted.total),
                ('only a cancelled or resolved task has cancelled steps', 'safety',
                 task.state not in ('cancelled', 'resolved_manually') and counted.cancelled > 0),
                ('a task in error has a failed step, and none that can move', 'safety',
                 task.state = 'error' and (counted.failed = 0 or counted.active > 0)),
                ('a task is blocked exactly while it has a failed step', 'safety',
                 task.finished_at is null
                 and (task.state = 'blocked_by_failures') <> (counted.failed > 0)),
                ('a task is listed as unfinalized while its last step does not decide its end',
                 'safety',
                 (unfinalized.task_id is not null)
                 <> (task.finished_at is null
                     and (task.state = 'blocked_by_failures' or task.open_sinks = 0))),
                ('a task in which nothing can move is finalized', 'convergence',
                 task.finished_at is null
                 and (not task.finalize_externally and task.open_sinks = 0
                      or task.state = 'blocked_by_failures'
                         and counted.active = 0
                         and unfinalized.since < v_now - v_grace
                      or unfinalized.since < v_now - v_grace - interval '1 hour'
                         and counted.active = 0)
                 and not exists (select from tasker.finalization_claims as claim
                                  where claim.task_id = task.task_id))
         ) as broken (invariant, severity, is_broken)
   where task.task_id between v_first and v_last
     and broken.is_broken
  union all
  select 'a finalization claim ends', 'convergence', tasker._id_of_task(claim.task_id),
         format('%s until %s', claim.processor_id, claim.claimed_until)
    from tasker.finalization_claims as claim
   where claim.task_id between v_first and v_last
     and claim.claimed_until < v_now - v_grace;
end;
$$;

comment on function tasker._check_finalization is 'check_invariants: how tasks end, against the states of their steps.';
