create or replace function tasker.get_system_health_counts ()
  returns table (
    open_tasks bigint, pending_tasks bigint, in_progress_tasks bigint, blocked_tasks bigint,
    paused_tasks bigint, unfinalized_tasks bigint, enqueued_steps bigint, in_progress_steps bigint,
    waiting_for_retry_steps bigint, scheduled_steps bigint, overdue_timers bigint,
    live_claims bigint, expired_claims bigint, active_workers bigint, idle_workers bigint,
    pending_submissions bigint, deferred_joins bigint, missing_queues bigint,
    oldest_message_at timestamptz, active_connections bigint, max_connections integer,
    measured_at timestamptz
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- How the whole system stands now. Everything is counted in tables of open work; finished tasks
-- cost nothing. Enqueued steps are counted as messages, so that no step row is read.
--
-- Returns  one row
-- Calls    _queue_metrics
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select task.open,
         task.pending,
         task.in_progress,
         task.blocked,
         task.paused,
         (select count(*) from tasker.unfinalized_tasks),
         queue.depth,
         claim.steps + submission.steps,
         timer.retries,
         timer.scheduled,
         timer.overdue,
         claim.live,
         claim.expired,
         claim.workers,
         (select count(distinct waiter.worker)
            from tasker.waiters as waiter
           where waiter.until >= v_now),
         submission.pending,
         (select count(distinct deferred.step_id) from tasker.deferred_decrements as deferred),
         queue.missing,
         queue.oldest_at,
         (select count(*)
            from pg_stat_activity as activity
           where activity.datname = current_database()),
         current_setting('max_connections')::integer,
         v_now
    from (select count(*) as open,
                 count(*) filter (where task.state = 'pending') as pending,
                 count(*) filter (where task.state = 'in_progress') as in_progress,
                 count(*) filter (where task.state = 'blocked_by_failures') as blocked,
                 count(*) filter (where task.paused_at is not null) as paused
            from tasker.open_tasks as open
            join tasker.tasks as task on task.task_id = open.task_id) as task
   cross join (select coalesce(sum(metric.depth) filter (where metric.namespace is not null),
                               0)::bigint as depth,
                      count(*) filter (where metric.missing) as missing,
                      min(metric.oldest_at) filter (where metric.namespace is not null) as oldest_at
                 from tasker._queue_metrics() as metric) as queue
   cross join (select count(*) filter (where claim.lease_until >= v_now) as live,
                      count(*) filter (where claim.lease_until < v_now) as expired,
                      count(distinct claim.worker)
                        filter (where claim.lease_until >= v_now) as workers,
                      coalesce(sum(cardinality(claim.step_ids)), 0)::bigint as steps
                 from tasker.claims as claim) as claim
   cross join (select count(*) as pending,
                      coalesce(sum(cardinality(submission.step_ids)), 0)::bigint as steps
                 from tasker.submissions as submission) as submission
   cross join (select count(*) filter (where step.state = 'waiting_for_retry') as retries,
                      count(*) filter (where step.state = 'pending') as scheduled,
                      count(*) filter (where timer.due_at < v_now) as overdue
                 from tasker.timers as timer
                 join tasker.steps as step on step.step_id = timer.step_id) as timer;
end;
$$;

comment on function tasker.get_system_health_counts is
'How the whole system stands now, counted in tables of open work only. unfinalized_tasks: blocked by failures, or to be finalized externally. enqueued_steps: messages in the namespaces'' queues (see queue_depths). scheduled_steps: first steps of tasks with run_at. overdue_timers and expired_claims wait for the next sweep: more than a few for more than seconds means that nobody calls it. active_workers hold a claim, idle_workers wait to be notified. active_connections are those to this database.';
