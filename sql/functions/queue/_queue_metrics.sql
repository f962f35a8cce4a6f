create or replace function tasker._queue_metrics ()
  returns table (
    queue_name     text,
    namespace      text,
    priority       text,
    depth          bigint,
    depth_is_exact boolean,
    oldest_at      timestamptz,
    missing        boolean
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
as $$
-- How full each queue is. Up to 10000 messages are counted; of more, the distance from the oldest
-- to the newest is told, which in a queue that is emptied from its head is the truth or little
-- more. Counting a million messages every second to draw a number would be work that the queue
-- itself does not need.
--
-- Returns  one row per queue that should exist; depth is null when its table is missing
#variable_conflict use_column
declare
  v_queue record;
begin
  for v_queue in
    select own.name, namespace.name as namespace, own.priority
      from tasker.namespaces as namespace
     cross join unnest(tasker._queues_of(namespace.name), array['high', 'normal', 'low'])
                  as own (name, priority)
    union all
    select unnest(array['orchestration_step_results', 'orchestration_task_requests']), null, null
     order by 1
  loop
    begin
      return query execute format(
        'select $1, $2, $3,
                case when counted.depth <= 10000 then counted.depth
                     else (select msg_id from pgmq.%1$I order by msg_id desc limit 1)
                            - oldest.msg_id + 1 end,
                counted.depth <= 10000, oldest.enqueued_at, false
           from (select count(*) as depth
                   from (select from pgmq.%1$I order by msg_id limit 10001) as head) as counted
           left join (select msg_id, enqueued_at
                        from pgmq.%1$I
                       order by msg_id
                       limit 1) as oldest on true',
        'q_' || v_queue.name)
        using v_queue.name, v_queue.namespace, v_queue.priority;
    exception when undefined_table then  -- dropped, be it at this moment
      return query
        select v_queue.name, v_queue.namespace, v_queue.priority,
               null::bigint, null::boolean, null::timestamptz, true;
    end;
  end loop;
end;
$$;

comment on function tasker._queue_metrics is 'How full each queue is, and since when its oldest message waits; see the view queue_depths.';
