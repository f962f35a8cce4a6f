create or replace view tasker.known_runners as
select runner.name,
       runner.gone_at > tasker._now() and runner.state <> 'stopped' as is_live,
       case when runner.gone_at > tasker._now() or runner.state = 'stopped' then runner.state
            else 'lost' end as state,
       runner.status,
       runner.namespaces,
       runner.started_at,
       runner.seen_at,
       tasker._now() - runner.seen_at as silent_for,
       runner.host,
       runner.pid,
       runner.version,
       runner.connections,
       runner.handlers,
       runner.troubles,
       runner.role,
       runner.counters
  from tasker.runners as runner;

comment on view tasker.known_runners is
'Who runs, or ran within the last day: one row per runner, as of its last heartbeat.';
comment on column tasker.known_runners.name is 'Its name; workers claim under it.';
comment on column tasker.known_runners.is_live is 'It has reported in time, and has not stopped.';
comment on column tasker.known_runners.state is 'startup, normal, graceful_shutdown or emergency; stopped; or lost, when it stopped reporting.';
comment on column tasker.known_runners.status is 'healthy, degraded or unhealthy, as it judged itself in its last heartbeat.';
comment on column tasker.known_runners.namespaces is 'The namespaces whose steps it works on.';
comment on column tasker.known_runners.started_at is 'When it began.';
comment on column tasker.known_runners.seen_at is 'Its last heartbeat.';
comment on column tasker.known_runners.silent_for is 'How long ago that was.';
comment on column tasker.known_runners.host is 'The machine.';
comment on column tasker.known_runners.pid is 'The process on it.';
comment on column tasker.known_runners.version is 'The version of tasker-sql.';
comment on column tasker.known_runners.connections is 'Its connections that executors and handlers share: size, open, used; waiting: how many callers waited for one, on average since the heartbeat before; wait: for how many seconds a caller did; pressure: the factor of back-pressure that follows (1 for none).';
comment on column tasker.known_runners.handlers is 'The handlers that it can run, sql:* for all in SQL; null when it does not say.';
comment on column tasker.known_runners.troubles is 'What it met in the minute before its last heartbeat and cannot deal with itself: code, message, times, since_ago in seconds. See problems.';
comment on column tasker.known_runners.role is 'The role of its connections.';
comment on column tasker.known_runners.counters is 'What it has counted since it began: handlers, how long attempts took (buckets: the bounds in seconds); checks, how many tasks it compared with the invariants; violations, what it found.';
