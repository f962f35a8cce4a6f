create or replace function tasker.get_analytics_metrics (p_since timestamptz)
  returns table (
    since                 timestamptz,
    until                 timestamptz,
    tasks_created         bigint,
    tasks_completed       bigint,
    tasks_failed          bigint,
    tasks_cancelled       bigint,
    tasks_resolved        bigint,
    steps_completed       bigint,
    steps_failed          bigint,
    attempts_started      bigint,
    attempts_failed       bigint,
    attempts_lost         bigint,
    retries               bigint,
    completion_rate       numeric,
    error_rate            numeric,
    tasks_per_second      numeric,
    steps_per_second      numeric,
    average_task_duration interval,
    p95_task_duration     interval,
    average_step_wait     interval,
    average_step_duration interval,
    p95_step_duration     interval,
    late_writes           bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
-- What happened since a moment: reads the history from then on, and the tasks and steps that ended
-- in it.
--
-- Returns  one row; rates are percentages, null when there is nothing to divide by
-- Raises   22023 for null
-- Calls    _check_since, _ran_for
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._check_since(p_since);
begin
  return query
  with change as materialized (
    select change.id, change.change, change.actor
      from tasker._changes as change
     where change.at >= p_since
  ),
  counted as (
    select count(*) filter (where change.change = 'task created') as created,
           count(*) filter (where change.change = 'task in_progress -> complete') as completed,
           count(*) filter (where change.change = 'task blocked_by_failures -> error') as failed,
           count(*) filter (where change.change::text like 'task % -> cancelled') as cancelled,
           count(*) filter (where change.change::text like 'task % -> resolved_manually')
             as resolved,
           count(*) filter (where change.change::text like 'step % -> complete') as steps,
           count(*) filter (where change.change = 'step in_progress -> error') as errors,
           count(*) filter (where change.change = 'step enqueued -> in_progress') as attempts,
           count(*) filter (where change.change in ('step in_progress -> error',
                                                    'step in_progress -> waiting_for_retry'))
             as failures,
           count(*) filter (where change.change = 'step in_progress -> enqueued'
                              and change.actor = 'sweep') as lost,
           count(*) filter (where change.change = 'step waiting_for_retry -> enqueued') as retries
      from change
  ),
  task as (
    select avg(took.time) as average,
           percentile_disc(0.95) within group (order by took.time) as p95
      from tasker.tasks as task
     cross join lateral (select greatest(
       task.finished_at - greatest(task.created_at, task.run_at), interval '0')) as took (time)
     where task.task_id = any (array(select tasker._task_of(change.id)
                                       from change
                                      where change.change = 'task in_progress -> complete'))
       and task.state = 'complete'
  ),
  step as (
    select avg(greatest(step.finished_at - run.time - step.enqueued_at, interval '0')) as wait,
           avg(run.time) as average,
           percentile_disc(0.95) within group (order by run.time) as p95
      from tasker.steps as step
     cross join lateral tasker._ran_for(step.started_at, step.finished_at, step.seconds)
                     as run (time)
     where step.step_id = any (array(select change.id
                                       from change
                                      where change.change = 'step in_progress -> complete'))
  )
  select p_since, v_now,
         counted.created,
         counted.completed,
         counted.failed,
         counted.cancelled,
         counted.resolved,
         counted.steps,
         counted.errors,
         counted.attempts,
         counted.failures,
         counted.lost,
         counted.retries,
         round(100.0 * counted.completed
               / nullif(counted.completed + counted.failed
                        + counted.cancelled + counted.resolved, 0), 2),
         round(100.0 * counted.failures / nullif(counted.failures + counted.steps, 0), 2),
         round(counted.completed / seconds.elapsed, 3),
         round(counted.steps / seconds.elapsed, 3),
         task.average, task.p95,
         step.wait, step.average, step.p95,
         (select count(*) from tasker.refused_writes as late where late.refused_at >= p_since)
    from counted, task, step,
         (select greatest(extract(epoch from v_now - p_since), 0.001) as elapsed) as seconds;
end;
$$;

comment on function tasker.get_analytics_metrics is
'What happened since p_since. completion_rate: percent of the tasks that ended which are complete; error_rate: percent of the attempts that ended which failed. attempts_lost: taken back because the lease ran out; late_writes: outcomes that came after that and were refused. A task''s duration begins when it was created (or with its run_at), a step''s is what the worker of its last attempt measured, else the time since its claim; average_step_wait is the time from its enqueueing to its start. Costs as much as happened since then. Raises 22023 (null, or in the future).';
