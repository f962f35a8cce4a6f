create or replace function tasker._work_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Work that does not come to an end: steps that run for too long, tasks in which nothing can move.
--
-- Returns  problems
-- Calls    _is_active, _runs_long, _recovery_grace, _ago, _broken_cure
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select 'warning', 'step_runs_long', format('step %s/%s', task.task_uuid, link.name),
         step.started_at,
         format('attempt %s of %s has run at %s for %s; it has %s', step.attempt,
                link.max_attempts, claim.worker, tasker._ago(v_now - step.started_at),
                coalesce('a timeout of '
                         || tasker._ago(make_interval(secs => link.timeout_seconds)),
                         'no timeout')),
         format('select * from tasker.requeue_step(%L, ''<why>''); then restart worker %s',
                tasker._step_uuid(task.task_uuid, step.step_id), claim.worker)
    from tasker.claims as claim
   cross join unnest(claim.step_ids) as held_id
    join tasker.steps as step on step.step_id = held_id
                             and step.claim_token = claim.token
                             and step.state = 'in_progress'
    join tasker.tasks as task on task.task_id = step.step_id >> 20
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = step.step_id & 1048575
   where claim.claimed_at < v_now - tasker._recovery_grace()
     and claim.lease_until >= v_now
     and tasker._runs_long(step.started_at, link.timeout_seconds, v_now)
  union all
  select 'critical', 'task_stuck', format('task %s', task.task_uuid), moved.at,
         'nothing in it can move: an invariant is broken',
         tasker._broken_cure(task.task_uuid)
    from (select open.task_id, task.task_uuid, task.created_at,
                 sum(template.step_count) over (order by open.task_id) as steps_so_far
            from (select * from tasker.open_tasks order by task_id limit 2000) as open
            join tasker.tasks as task on task.task_id = open.task_id
            join tasker.task_templates as template on template.template_id = task.template_id
         ) as task
   cross join lateral (
         select coalesce(max(greatest(step.enqueued_at, step.started_at, step.finished_at)),
                         task.created_at) as at
           from tasker.steps as step
          where step.step_id > task.task_id << 20
            and step.step_id < (task.task_id + 1) << 20) as moved
   where task.steps_so_far <= 20000
     and not tasker._is_active(task.task_id)
     and not exists (select from tasker.unfinalized_tasks as unfinalized
                      where unfinalized.task_id = task.task_id)
     and moved.at < v_now - tasker._recovery_grace();
end;
$$;

comment on function tasker._work_problems is 'problems: work that does not come to an end. For tasks that cannot move, looks at the oldest 2000 open tasks, and no more than 20000 steps.';
