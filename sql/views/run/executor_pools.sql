create or replace view tasker.executor_pools as
select runner.name as runner,
       reported.pool,
       reported.namespace,
       reported.status,
       reported.executors,
       reported.min_executors,
       reported.max_executors,
       reported.healthy,
       reported.unhealthy,
       reported.utilization,
       reported.error_rate,
       reported.throughput,
       reported.done,
       reported.queue_depth,
       make_interval(secs => reported.queue_age) as queue_age,
       make_interval(secs => reported.poll) as poll,
       reported.batch,
       runner.seen_at,
       runner.seen_at - make_interval(secs => reported.scaled_ago) as scaled_at,
       reported.scaled_from,
       reported.scaled_why,
       reported.running,
       reported.waiting,
       reported.hung,
       runner.seen_at - make_interval(secs => reported.decided_ago) as decided_at,
       reported.decision,
       reported.measured,
       reported.scaled_up,
       reported.scaled_down,
       reported.status_changes
  from tasker.runners as runner
 cross join lateral tasker._reported_pools(runner.pools) as reported
 where runner.gone_at > tasker._now()
   and runner.state <> 'stopped';

comment on view tasker.executor_pools is
'The executor pools of live runners, as of their last heartbeats.';
comment on column tasker.executor_pools.runner is 'Runner that owns the pool.';
comment on column tasker.executor_pools.pool is 'task_request_processor, step_result_processor, step_enqueuer, task_finalizer, or task_claimer: the workers.';
comment on column tasker.executor_pools.namespace is 'Of a task_claimer, the namespace that it serves.';
comment on column tasker.executor_pools.status is 'healthy, degraded or unhealthy.';
comment on column tasker.executor_pools.executors is 'How many there are; of a task_claimer, slots for handlers.';
comment on column tasker.executor_pools.min_executors is 'How many there are at least.';
comment on column tasker.executor_pools.max_executors is 'How many there may be.';
comment on column tasker.executor_pools.healthy is 'How many of them are healthy.';
comment on column tasker.executor_pools.unhealthy is 'How many get nothing done.';
comment on column tasker.executor_pools.utilization is 'The share of their time in calls that did something (in handlers), 0 to 1, between the last two heartbeats; waiting for a connection or a lock does not count.';
comment on column tasker.executor_pools.error_rate is 'The share of calls that failed, likewise.';
comment on column tasker.executor_pools.throughput is 'What was done a second, likewise: messages, steps or tasks.';
comment on column tasker.executor_pools.done is 'What was done since the runner began.';
comment on column tasker.executor_pools.queue_depth is 'What waited in their queues at the last decision about their number.';
comment on column tasker.executor_pools.queue_age is 'How long the oldest of it had waited.';
comment on column tasker.executor_pools.poll is 'How often they look for work, back-pressure included.';
comment on column tasker.executor_pools.batch is 'How much they take at a time, back-pressure included.';
comment on column tasker.executor_pools.seen_at is 'The heartbeat that all this is from.';
comment on column tasker.executor_pools.scaled_at is 'When their number was last changed; null when it never was.';
comment on column tasker.executor_pools.scaled_from is 'What it was before.';
comment on column tasker.executor_pools.scaled_why is 'And why it was changed.';
comment on column tasker.executor_pools.running is 'How many are in a call (in a handler) now.';
comment on column tasker.executor_pools.waiting is 'How many wait for a connection now.';
comment on column tasker.executor_pools.hung is 'How many hang: their call runs for longer than orchestration.health.stuck, or, of a slot, its handler did not end in time.';
comment on column tasker.executor_pools.decided_at is 'When their number was last decided; null when it never was.';
comment on column tasker.executor_pools.decision is 'Why it is what it is since then.';
comment on column tasker.executor_pools.measured is 'What that was decided on: executors, utilization (the share of their time in calls that did something), error_rate, waiting (for a connection, on average), hung, queue_depth, queue_age, callers_waiting (for connections, in the whole runner), room (how many more could have a connection; null for any number), blocked (their circuit lets no call pass).';
comment on column tasker.executor_pools.scaled_up is 'How often their number grew since the runner began.';
comment on column tasker.executor_pools.scaled_down is 'How often it shrank.';
comment on column tasker.executor_pools.status_changes is 'How often their status changed.';
