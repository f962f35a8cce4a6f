create or replace function tasker._register (
  p_namespace_id integer, p_worker text, p_for interval, p_now timestamptz
)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Registers a worker as idle, unless it is registered for at least half of that time already. The
-- sweep removes registrations that are over.
--
-- Returns  p_now
begin
  insert into tasker.waiters (namespace_id, worker, until)
  select p_namespace_id, p_worker, p_now + p_for
   where not exists (select from tasker.waiters as waiter
                      where waiter.namespace_id = p_namespace_id
                        and waiter.worker = p_worker
                        and waiter.until >= p_now + p_for / 2);
  return p_now;
end;
$$;

comment on function tasker._register is 'Registers a worker as idle for a while. Returns p_now.';
