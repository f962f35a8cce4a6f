create or replace function tasker._check_limit (p_limit integer, p_least integer, p_most integer)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards a count that bounds one call's work.
--
-- Raises   22023
begin
  if (p_limit between p_least and p_most) is not true then
    raise exception 'limit out of range'
      using errcode = '22023',
            detail  = format('got %s, need %s to %s',
                             coalesce(p_limit::text, 'null'), p_least, p_most);
  end if;
end;
$$;

comment on function tasker._check_limit is 'Guards a count that bounds one call''s work. Raises 22023 with the bounds.';
