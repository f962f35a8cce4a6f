create or replace function tasker._check_worker (p_worker text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards the name of a worker or processor: 1 to 200 characters.
--
-- Raises   22023
begin
  if (length(p_worker) between 1 and 200) is not true then
    raise exception 'a worker needs a name of 1 to 200 characters'
      using errcode = '22023',
            detail  = format('got %s', coalesce(length(p_worker) || ' characters', 'null'));
  end if;
end;
$$;

comment on function tasker._check_worker is 'Guards the name of a worker or processor (1 to 200 characters). Raises 22023.';
