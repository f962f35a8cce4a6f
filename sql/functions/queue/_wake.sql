create or replace function tasker._wake (p_namespace_id integer, p_now timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Notifies the channel tasker_<namespace> once, only if a worker has registered as idle, and takes
-- the registrations with it: an idle worker costs one notification, a busy system none.
--
-- Locks    rows of waiters, skipping locked ones
declare
  v_woken integer;
begin
  with taken as (
    delete from tasker.waiters as waiter
     where waiter.waiter_id = any (array(
             select idle.waiter_id
               from tasker.waiters as idle
              where idle.namespace_id = p_namespace_id
                for update skip locked
           ))
    returning waiter.until
  )
  select count(*) filter (where taken.until >= p_now) into v_woken from taken;
  if v_woken > 0 then
    perform pg_notify('tasker_' || (select namespace.name from tasker.namespaces as namespace
                                     where namespace.namespace_id = p_namespace_id), '');
  end if;
end;
$$;

comment on function tasker._wake is 'Notifies tasker_<namespace> once if an idle worker waits there, and takes its registration.';
