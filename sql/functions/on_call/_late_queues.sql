create or replace function tasker._late_queues (p_now timestamptz)
  returns table (
    queue_name text, namespace text, depth bigint, depth_is_exact boolean, oldest_at timestamptz,
    missing boolean, waits_since timestamptz, workers integer, said text, full_slots text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Queues that are missing, or whose first message is older than a minute: since when a step waits
-- that could be handed out, and who works for its namespace.
--
-- Returns  one row per queue
-- Calls    _queue_metrics, _oldest_waiting, _workers, _held_up, _recovery_grace
#variable_conflict use_column
begin
  return query
  with late as materialized (
    select metric.*,
           case when namespace.paused_at is null and not metric.missing
                then tasker._oldest_waiting(metric.queue_name) end as waits_since
      from tasker._queue_metrics() as metric
      left join tasker.namespaces as namespace on namespace.name = metric.namespace
     where metric.missing
        or metric.oldest_at < p_now - tasker._recovery_grace()
  ),
  served as materialized (
    select known.namespace, worker.*
      from (select distinct late.namespace from late where late.waits_since is not null) as known
     cross join lateral tasker._workers(known.namespace, p_now) as worker
  ),
  held as materialized (
    select served.namespace, held.full_slots
      from served
     cross join lateral tasker._held_up(served.namespace, p_now) as held
     where served.workers > 0
  )
  select late.queue_name, late.namespace, late.depth, late.depth_is_exact, late.oldest_at,
         late.missing, late.waits_since, served.workers, served.said, held.full_slots
    from late
    left join served on served.namespace = late.namespace
    left join held on held.namespace = late.namespace;
end;
$$;

comment on function tasker._late_queues is 'Queues that are missing, or whose first message is older than a minute, with who works for them.';
