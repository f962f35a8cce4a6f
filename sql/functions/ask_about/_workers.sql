create or replace function tasker._workers (
  p_namespace text,
  p_now       timestamptz,
  out workers integer,
  out said    text
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Who works for a namespace now: workers that hold a step there or wait for work, live runners.
-- A claim from which an operator took everything back is not a sign of life.
--
-- Returns  how many, and the same as a sentence, with when one was last seen
-- Calls    served_namespaces, _ago
declare
  v_seen_at timestamptz;
begin
  select greatest((select count(distinct live.worker)
                     from (select claim.worker
                             from tasker.claims as claim
                            where claim.namespace_id = namespace.namespace_id
                              and claim.lease_until >= p_now
                              and exists (select from tasker.steps as step
                                           where step.step_id = any (claim.step_ids)
                                             and step.claim_token = claim.token
                                             and step.state = 'in_progress')
                            union all
                           select waiter.worker
                             from tasker.waiters as waiter
                            where waiter.namespace_id = namespace.namespace_id
                              and waiter.until >= p_now) as live),
                  served.live_runners),
         served.last_seen_at
    into workers, v_seen_at
    from tasker.namespaces as namespace
    join tasker.served_namespaces as served on served.namespace = namespace.name
   where namespace.name = p_namespace;
  said := case
    when workers > 1 then format('%s workers serve namespace %s', workers, p_namespace)
    when workers = 1 then format('1 worker serves namespace %s', p_namespace)
    else format('no live worker serves namespace %s (%s)', p_namespace,
                coalesce('last seen ' || tasker._ago(p_now - v_seen_at) || ' ago',
                         'no runner was seen within a day'))
  end;
end;
$$;

comment on function tasker._workers is 'Who works for a namespace now: how many, and the same as a sentence.';
