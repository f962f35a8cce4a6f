create or replace function tasker._queue_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Queues that are missing, that nobody empties, or that fill faster than they are emptied. What is
-- paused may wait.
--
-- Returns  problems
-- Calls    _queue_metrics, _workers, _oldest_waiting, _recovery_grace, _counted, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  with late as materialized (
    select metric.*,
           case when namespace.paused_at is null and not metric.missing
                then tasker._oldest_waiting(metric.queue_name) end as waits_since
      from tasker._queue_metrics() as metric
      left join tasker.namespaces as namespace on namespace.name = metric.namespace
     where metric.missing
        or metric.oldest_at < v_now - tasker._recovery_grace()
  ),
  served as materialized (
    select known.namespace, worker.*
      from (select distinct late.namespace from late where late.waits_since is not null) as known
     cross join lateral tasker._workers(known.namespace, v_now) as worker
  ),
  queue as (
    select late.*, served.workers, served.said
      from late
      left join served on served.namespace = late.namespace
  )
  select 'critical', 'queue_missing', format('queue %s', queue.queue_name), null::timestamptz,
         'it was dropped; what is enqueued in it waits until a sweep makes it again',
         'select * from tasker.sweep()'
    from queue
   where queue.missing
  union all
  select 'critical', 'no_worker', format('namespace %s', queue.namespace), min(queue.waits_since),
         format('steps have waited for up to %s (%s%s in its queues), and %s',
                tasker._ago(v_now - min(queue.waits_since)),
                case when bool_and(queue.depth_is_exact) then '' else 'about ' end,
                tasker._counted(sum(queue.depth)::bigint, 'message'), min(queue.said)),
         format('tasker-sql run --namespace %s', queue.namespace)
    from queue
   where queue.workers = 0
     and queue.waits_since < v_now - tasker._recovery_grace()
   group by queue.namespace
  union all
  select 'warning', 'queue_behind', format('queue %s', queue.queue_name), queue.waits_since,
         format('its oldest step has waited for %s, though %s',
                tasker._ago(v_now - queue.waits_since), queue.said),
         format('tasker-sql run --namespace %s, on more machines or with more --slots',
                queue.namespace)
    from queue
   where queue.workers > 0
     and queue.waits_since < v_now - interval '10 minutes'
  union all
  select 'critical', 'messages_unprocessed', format('queue %s', queue.queue_name),
         queue.oldest_at,
         format('%s for up to %s that nobody carries out',
                tasker._counted(queue.depth, 'message'), tasker._ago(v_now - queue.oldest_at)),
         format('tasker-sql run, or select * from tasker.process_%s()',
                replace(queue.queue_name, 'orchestration_', ''))
    from queue
   where queue.namespace is null
     and queue.depth > 0;
end;
$$;

comment on function tasker._queue_problems is 'problems: queues that are missing, that nobody empties, or that fall behind.';
