create or replace view tasker.queue_depths as
select metric.queue_name,
       metric.namespace,
       metric.priority,
       metric.depth,
       metric.depth_is_exact,
       metric.oldest_at,
       tasker._now() - metric.oldest_at as oldest_age,
       metric.missing
  from tasker._queue_metrics() as metric;

comment on view tasker.queue_depths is
'How full each queue is: three for each namespace, and the two orchestration queues. Counts up to 10,000 messages; above that, estimates from the ids of the messages. A pointer to a step that was cancelled meanwhile counts until a claim comes upon it.';
comment on column tasker.queue_depths.queue_name is 'The PGMQ queue.';
comment on column tasker.queue_depths.namespace is 'Its namespace; null for the orchestration queues.';
comment on column tasker.queue_depths.priority is 'high, normal or low; null for the orchestration queues.';
comment on column tasker.queue_depths.depth is 'Messages in it; null when its table is missing.';
comment on column tasker.queue_depths.depth_is_exact is 'False above 10000: depth may then be a little too high.';
comment on column tasker.queue_depths.oldest_at is 'When its oldest message was sent.';
comment on column tasker.queue_depths.oldest_age is 'How long ago that was.';
comment on column tasker.queue_depths.missing is 'Its table was dropped; the next sweep makes it again.';
