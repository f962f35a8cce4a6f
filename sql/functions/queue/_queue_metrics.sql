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
-- How full each queue is, in one statement for all. Up to 10000 messages are counted; above that,
-- the distance from the oldest to the newest id is reported, which in a queue that is emptied from
-- its head is the truth or little more. Counting a million messages every second to draw a number
-- would be work that the queue itself does not need.
--
-- Returns  one row per queue that should exist; depth is null when its table is missing
-- Calls    _queues_of
#variable_conflict use_column
declare
  v_parts text;
begin
  for attempt in 1 .. 3 loop
    select string_agg(format(
             case when to_regclass(format('pgmq.%I', 'q_' || queue.name)) is null then
               'select %1$L::text, %2$L::text, %3$L::text,
                       null::bigint, null::boolean, null::timestamptz, true'
             else
               'select %1$L::text, %2$L::text, %3$L::text,
                       case when counted.depth <= 10000 then counted.depth
                            else (select msg_id from pgmq.%4$I order by msg_id desc limit 1)
                                   - oldest.msg_id + 1 end,
                       counted.depth <= 10000, oldest.enqueued_at, false
                  from (select count(*) as depth
                          from (select from pgmq.%4$I order by msg_id limit 10001) as head
                       ) as counted
                  left join (select msg_id, enqueued_at
                               from pgmq.%4$I
                              order by msg_id
                              limit 1) as oldest on true'
             end, queue.name, queue.namespace, queue.priority, 'q_' || queue.name),
             ' union all ' order by queue.name)
      into v_parts
      from (select own.name, namespace.name as namespace, own.priority
              from tasker.namespaces as namespace
             cross join unnest(tasker._queues_of(namespace.name), array['high', 'normal', 'low'])
                          as own (name, priority)
             union all
            select unnest(array['orchestration_step_results', 'orchestration_task_requests']),
                   null, null) as queue;
    begin
      return query execute v_parts;
      return;
    exception when undefined_table then null;  -- one was dropped at this moment: look again
    end;
  end loop;
end;
$$;

comment on function tasker._queue_metrics is 'How full each queue is, and since when its oldest message waits; see the view queue_depths.';
