create or replace function tasker._work_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
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
         format('attempt %s of %s has run at %s for %s; it has %s. Take it back, and look at its '
                'worker', step.attempt,
                link.max_attempts, claim.worker, tasker._ago(v_now - step.started_at),
                coalesce('a timeout of '
                         || tasker._ago(make_interval(secs => link.timeout_seconds)),
                         'no timeout')),
         format('select * from tasker.requeue_step(%L, ''<why>'')',
                tasker._step_uuid(task.task_uuid, step.step_id)), null::bigint
    from tasker.claims as claim
   cross join unnest(claim.step_ids) as held_id
    join tasker.steps as step on step.step_id = held_id
                             and step.claim_token = claim.token
                             and step.state = 'in_progress'
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   where claim.claimed_at < v_now - tasker._recovery_grace()
     and claim.lease_until >= v_now
     and tasker._runs_long(step.started_at, link.timeout_seconds, v_now)
  union all
  select 'critical', 'task_stuck', format('task %s', task.task_uuid), moved.at,
         'nothing in it can move: an invariant is broken; see which, then cancel or resolve the '
         'task, and create it again',
         tasker._broken_cure(task.task_uuid), null
    from (select open.task_id
            from (select open.task_id from tasker.open_tasks as open
                   order by open.task_id limit 300) as open
           where not tasker._is_active(open.task_id)
             and not exists (select from tasker.unfinalized_tasks as unfinalized
                              where unfinalized.task_id = open.task_id)
          offset 0) as idle
   cross join lateral (select * from tasker.tasks as task
                        where task.task_id = idle.task_id limit 1) as task
   cross join lateral (
         select coalesce(max(greatest(step.enqueued_at, step.started_at, step.finished_at)),
                         task.created_at) as at
           from tasker.steps as step
          where step.step_id > tasker._id_of_task(idle.task_id)
            and step.step_id < tasker._id_of_task(idle.task_id + 1)) as moved
   where moved.at < v_now - tasker._recovery_grace();
end;
$$;

comment on function tasker._work_problems is 'problems: work that does not come to an end. For tasks that cannot move, looks at the oldest 300 open tasks.';
