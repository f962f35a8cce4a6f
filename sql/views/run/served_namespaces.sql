create or replace view tasker.served_namespaces as
select namespace.name as namespace,
       (count(runner.name) filter (where runner.is_live))::integer as live_runners,
       coalesce(sum(pool.executors), 0)::integer as slots,
       max(runner.seen_at) as last_seen_at
  from tasker.namespaces as namespace
  left join tasker.known_runners as runner on namespace.name = any (runner.namespaces)
  left join tasker.executor_pools as pool on pool.runner = runner.name
                                         and pool.namespace = namespace.name
 group by namespace.name;

comment on view tasker.served_namespaces is
'Who works for each namespace. Workers that are not runners of tasker-sql report nothing, and are seen in live_claims alone.';
comment on column tasker.served_namespaces.namespace is 'The namespace.';
comment on column tasker.served_namespaces.live_runners is 'How many live runners serve it.';
comment on column tasker.served_namespaces.slots is 'How many handlers these can run at a time.';
comment on column tasker.served_namespaces.last_seen_at is 'When one that serves it was last seen, within a day; null when none was.';
