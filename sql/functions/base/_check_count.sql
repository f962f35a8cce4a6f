create or replace function tasker._check_count (p_count bigint, p_least bigint, p_limit text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards a count that bounds one call's work. No such limit can be set under 100.
--
-- Raises   22023
-- Calls    _limit
begin
  if (p_count >= p_least and (p_count <= 100 or p_count <= tasker._limit(p_limit))) is not true then
    raise exception 'limit out of range'
      using errcode = '22023',
            detail  = format('got %s, need %s to %s',
                             coalesce(p_count::text, 'null'), p_least, tasker._limit(p_limit)),
            hint    = format('The most is the limit %s.', p_limit);
  end if;
end;
$$;

comment on function tasker._check_count is 'Guards a count that bounds one call''s work. Raises 22023 with the bounds.';
