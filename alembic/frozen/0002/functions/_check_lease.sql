create or replace function tasker._check_lease (p_lease interval)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards a lease: more than nothing, at most a day. (Adding a null or endless interval would never
-- end.)
--
-- Raises   22023
begin
  if (p_lease > interval '0' and p_lease <= interval '1 day') is not true then
    raise exception 'a lease must be longer than 0 and at most 1 day'
      using errcode = '22023', detail = format('got %s', coalesce(p_lease::text, 'null'));
  end if;
end;
$$;

comment on function tasker._check_lease is 'Guards a lease: longer than 0, at most one day. Raises 22023.';
