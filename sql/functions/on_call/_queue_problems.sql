create or replace function tasker._queue_problems ()
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
-- Queues that are missing, that nobody empties, or that fill faster than they are emptied, be it
-- for all slots are busy. What is
-- paused may wait.
--
-- Returns  problems
-- Calls    _late_queues, _recovery_grace, _shell_word, _counted, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  with queue as materialized (select * from tasker._late_queues(v_now))
  select 'critical', 'queue_missing', format('queue %s', queue.queue_name), null::timestamptz,
         'it was dropped; what is enqueued in it waits until a sweep makes it again',
         'select * from tasker.sweep()', null::bigint
    from queue
   where queue.missing
  union all
  select 'critical', 'no_worker', format('namespace %s', queue.namespace), min(queue.waits_since),
         format('steps have waited for up to %s (%s%s in its queues), and %s',
                tasker._ago(v_now - min(queue.waits_since)),
                case when bool_and(queue.depth_is_exact) then '' else 'about ' end,
                tasker._counted(sum(queue.depth)::bigint, 'message'), min(queue.said)),
         format('tasker-sql run --namespace %s --handlers MODULE',
                tasker._shell_word(queue.namespace)), sum(queue.depth)::bigint
    from queue
   where queue.workers = 0
     and queue.waits_since < v_now - tasker._recovery_grace()
   group by queue.namespace
  union all
  select case when min(queue.waits_since) < v_now - interval '10 minutes'
                then 'critical' else 'warning' end,
         'slots_full', format('namespace %s', queue.namespace), min(queue.waits_since),
         format('%s of %s wait up to %s; %s', tasker._counted(sum(queue.depth)::bigint, 'step'),
                queue.namespace, tasker._ago(v_now - min(queue.waits_since)),
                min(queue.full_slots)),
         format('tasker-sql run --namespace %s --handlers MODULE',
                tasker._shell_word(queue.namespace)), sum(queue.depth)::bigint
    from queue
   where queue.full_slots is not null
     and queue.waits_since < v_now - tasker._recovery_grace()
   group by queue.namespace
  union all
  select 'warning', 'queue_behind', format('queue %s', queue.queue_name), queue.waits_since,
         format('its oldest step has waited for %s, though %s: more machines, or more --slots',
                tasker._ago(v_now - queue.waits_since), queue.said),
         format('tasker-sql run --namespace %s --handlers MODULE',
                tasker._shell_word(queue.namespace)), queue.depth
    from queue
   where queue.workers > 0
     and queue.full_slots is null
     and queue.waits_since < v_now - interval '10 minutes'
  union all
  select 'critical', 'messages_unprocessed', format('queue %s', queue.queue_name),
         queue.oldest_at,
         format('%s for up to %s that nobody applies',
                tasker._counted(queue.depth, 'message'), tasker._ago(v_now - queue.oldest_at)),
         format('select * from tasker.process_%s()',
                replace(queue.queue_name, 'orchestration_', '')), queue.depth
    from queue
   where queue.namespace is null
     and queue.depth > 0;
end;
$$;

comment on function tasker._queue_problems is 'problems: queues that are missing, that nobody empties, or that fall behind.';
