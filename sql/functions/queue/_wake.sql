create or replace function tasker._wake (
  p_namespace_id integer, p_most integer, p_now timestamptz, p_but text default null
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Notifies up to p_most idle workers of a namespace, those that registered last (null: all), but
-- not p_but, who calls: a batch of work wakes one, who wakes the next if there is more than it can
-- take. The payload is the namespace's name. Registrations of these go, and those that are over.
--
-- Locks    rows of waiters, skipping locked ones
-- Calls    _channel
declare
  v_workers text[];
begin
  with chosen as materialized (
    select waiter.waiter_id
      from tasker.waiters as waiter
     where waiter.namespace_id = p_namespace_id
       and waiter.until >= p_now
       and waiter.worker is distinct from p_but
     order by waiter.waiter_id desc
     limit p_most
       for update skip locked
  ),
  over as materialized (
    select waiter.waiter_id
      from tasker.waiters as waiter
     where waiter.namespace_id = p_namespace_id
       and waiter.until < p_now
       for update skip locked
  ),
  gone as (
    delete from tasker.waiters as waiter
     where waiter.waiter_id = any (array(select chosen.waiter_id from chosen
                                          union all
                                         select over.waiter_id from over))
    returning waiter.worker, waiter.until
  )
  select array_agg(distinct gone.worker) into v_workers from gone where gone.until >= p_now;
  perform pg_notify(tasker._channel(waiting.worker), namespace.name)
     from unnest(v_workers) as waiting (worker)
     join tasker.namespaces as namespace on namespace.namespace_id = p_namespace_id;
end;
$$;

comment on function tasker._wake is 'Notifies the idle workers of a namespace that registered last, at most p_most, and takes their registrations.';
