create or replace function tasker.get_system_health_counts ()
  returns table (
    open_tasks bigint, pending_tasks bigint, in_progress_tasks bigint, blocked_tasks bigint,
    paused_tasks bigint, unfinalized_tasks bigint, enqueued_steps bigint, in_progress_steps bigint,
    waiting_for_retry_steps bigint, scheduled_steps bigint, overdue_timers bigint,
    live_claims bigint, expired_claims bigint, active_workers bigint, idle_workers bigint,
    pending_submissions bigint, deferred_joins bigint, missing_queues bigint,
    oldest_message_at timestamptz, active_connections bigint, max_connections integer,
    measured_at timestamptz, counts_are_exact boolean, finalization_claims bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- How the whole system stands now. Everything is counted in tables of open work; finished tasks
-- cost nothing. Enqueued steps are counted as messages. Of more than 300 open tasks (or timers)
-- 300 are looked at, evenly spaced, for the shares of their states.
--
-- Returns  one row
-- Calls    _queue_metrics
#variable_conflict use_column
declare
  v_now    constant timestamptz := tasker._now();
  v_open   constant bigint[] := array(
    select open.task_id from tasker.open_tasks as open order by open.task_id);
  v_timers constant bigint[] := array(
    select timer.step_id from tasker.timers as timer order by timer.step_id);
begin
  return query
  select cardinality(v_open)::bigint,
         task.pending,
         cardinality(v_open) - task.pending - task.blocked,
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
         (select count(distinct waiter.worker) from tasker.waiters as waiter
           where waiter.until >= v_now),
         submission.pending,
         (select count(distinct deferred.step_id) from tasker.deferred_decrements as deferred),
         queue.missing,
         queue.oldest_at,
         (select count(*) from pg_stat_activity as activity
           where activity.datname = current_database()),
         current_setting('max_connections')::integer,
         v_now,
         cardinality(v_open) <= 300 and cardinality(v_timers) <= 300,
         (select count(*) from tasker.finalization_claims where claimed_until >= v_now)
    from (select coalesce(round(share.pending * cardinality(v_open)), 0)::bigint as pending,
                 coalesce(round(share.blocked * cardinality(v_open)), 0)::bigint as blocked,
                 coalesce(round(share.paused * cardinality(v_open)), 0)::bigint as paused
            from (select avg((task.state = 'pending')::integer) as pending,
                         avg((task.state = 'blocked_by_failures')::integer) as blocked,
                         avg((task.paused_at is not null)::integer) as paused
                    from generate_series(1, cardinality(v_open),
                                         1 + (cardinality(v_open) - 1) / 300) as place
                   cross join lateral (
                         select task.state, task.paused_at from tasker.tasks as task
                          where task.task_id = v_open[place] limit 1) as task) as share) as task
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
   cross join (select coalesce(round(share.retries * cardinality(v_timers)), 0)::bigint as retries,
                      coalesce(round(share.first * cardinality(v_timers)), 0)::bigint as scheduled,
                      (select count(*) from tasker.timers as timer
                        where timer.due_at < v_now) as overdue
                 from (select avg((step.state = 'waiting_for_retry')::integer) as retries,
                              avg((step.state = 'pending')::integer) as first
                         from generate_series(1, cardinality(v_timers),
                                              1 + (cardinality(v_timers) - 1) / 300) as place
                        cross join lateral (
                              select step.state from tasker.steps as step
                               where step.step_id = v_timers[place] limit 1) as step) as share
              ) as timer;
end;
$$;

comment on function tasker.get_system_health_counts is
'How the whole system stands now, counted in tables of open work only. Of more than 300 open tasks or timers their states are estimated from 300 of them, and counts_are_exact is false. unfinalized_tasks: blocked by failures, or to be finalized externally. enqueued_steps: messages in the namespaces'' queues (see queue_depths). scheduled_steps: first steps of tasks with run_at. overdue_timers and expired_claims wait for the next sweep: more than a few for more than seconds means that nobody calls it. active_workers hold a claim, idle_workers wait to be notified. active_connections are those to this database. finalization_claims: how many tasks a processor is finalizing now.';
