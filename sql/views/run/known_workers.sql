create or replace view tasker.known_workers as
select coalesce(runner.name, seen.name) as name,
       case when runner.name is null then 'foreign' else 'runner' end as kind,
       case when runner.is_live then runner.status
            when runner.name is not null then runner.state
            when seen.in_time > 0 then 'working'
            when seen.waiting then 'idle'
            else 'lost' end as status,
       coalesce(runner.namespaces, seen.namespaces) as namespaces,
       coalesce(seen.claims, 0)::integer as claims,
       coalesce(seen.steps, 0)::integer as steps,
       seen.lease_until,
       seen.lease_until - tasker._now() as lease_left
  from tasker.known_runners as runner
  full join (
       select holder.name,
              array_agg(distinct holder.namespace) as namespaces,
              count(holder.lease_until) as claims,
              sum(holder.steps) as steps,
              min(holder.lease_until) as lease_until,
              count(*) filter (where not holder.is_expired) as in_time,
              bool_or(holder.lease_until is null) as waiting
         from (select claim.worker as name, claim.namespace, claim.step_count as steps,
                      claim.lease_until, claim.is_expired
                 from tasker.live_claims as claim
                union all
               select waiter.worker, namespace.name, 0, null, null
                 from tasker.waiters as waiter
                 join tasker.namespaces as namespace
                   on namespace.namespace_id = waiter.namespace_id
                where waiter.until >= tasker._now()) as holder
        group by holder.name
       ) as seen on seen.name = runner.name;

comment on view tasker.known_workers is
'All workers, in any language: runners seen in the last day, and any other session that holds a claim or waits for work now.';
comment on column tasker.known_workers.name is 'The name it claims under.';
comment on column tasker.known_workers.kind is 'runner: a process of tasker-sql, which reports how it is; foreign: known from its claims and its waiting alone.';
comment on column tasker.known_workers.status is 'Of a runner: healthy, degraded or unhealthy as it judges itself, stopped, or lost when its heartbeats have ended. Of a foreign one: working, idle (it waits for work), or lost when all its leases have ended.';
comment on column tasker.known_workers.namespaces is 'Those that a runner serves; those of which a foreign one holds or awaits work.';
comment on column tasker.known_workers.claims is 'How many claims it holds.';
comment on column tasker.known_workers.steps is 'How many steps these name.';
comment on column tasker.known_workers.lease_until is 'When the first of its leases ends; null without a claim.';
comment on column tasker.known_workers.lease_left is 'How long until then; less than nothing when it has ended.';
