create or replace function tasker._held_up (
  p_namespace text,
  p_now       timestamptz,
  out full_slots text,
  out breakers   text
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Why live runners take nothing from a namespace: all slots of each are busy, or a circuit breaker
-- lets no call pass.
--
-- Returns  a sentence for each; null where it is not so
-- Calls    executor_pools, known_runners, circuit_breakers, _ago
begin
  select string_agg(format('%s of %s slots of %s are busy, the oldest %s with %s', pool.busy,
                           pool.slots, pool.runner, tasker._ago(p_now - pool.since), pool.name),
                    '; ' order by pool.since)
    into full_slots
    from (select pool.runner, pool.executors as slots, count(held.name) as busy,
                 min(held.started_at) as since,
                 (array_agg(held.name order by held.started_at))[1] as name
            from tasker.executor_pools as pool
            left join lateral (
                 select step.started_at, link.name
                   from tasker.claims as claim
                  cross join unnest(claim.step_ids) as own (step_id)
                  cross join lateral (
                        select * from tasker.steps as step
                         where step.step_id = own.step_id
                           and step.claim_token = claim.token
                           and step.state = 'in_progress' limit 1) as step
                  cross join lateral (
                        select link.name from tasker.template_steps as link
                         where link.template_id = step.template_id
                           and link.step_no = tasker._step_no(step.step_id) limit 1) as link
                  where claim.worker = pool.runner
                    and claim.namespace_id = (select namespace.namespace_id
                                                from tasker.namespaces as namespace
                                               where namespace.name = p_namespace)
                 ) as held on true
           where pool.namespace = p_namespace
             and pool.pool = 'task_claimer'
           group by pool.runner, pool.executors) as pool
  having bool_and(pool.busy >= pool.slots and pool.slots > 0);

  select string_agg(format('breaker %s of runner %s is %sopen', breaker.breaker, breaker.runner,
                           case when coalesce(breaker.wanted, breaker.forced) = 'open'
                                  then 'forced ' else '' end), '; ' order by breaker.runner)
    into breakers
    from tasker.circuit_breakers as breaker
    join tasker.known_runners as runner on runner.name = breaker.runner
   where breaker.effective_state = 'open'
     and p_namespace = any (runner.namespaces);
end;
$$;

comment on function tasker._held_up is 'Why live runners take nothing from a namespace: full slots, open circuit breakers.';
