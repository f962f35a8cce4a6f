create or replace function tasker._check_depth (p_value jsonb, p_what text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards JSON from outside by its depth, before anything recursive meets it: what PostgreSQL could
-- read with an empty stack may be too deep to be changed here. A level takes 8 bytes at least, and
-- fewer than 128 levels are always fine, so a small value need not be looked at.
--
-- Raises   TK006
-- Calls    _is_deep, _limit
begin
  if pg_column_size(p_value #> '{}') > 1024
     and tasker._is_deep(p_value, 128)
     and tasker._is_deep(p_value, tasker._limit('json_depth')) then
    raise exception '% is too deep', p_what
      using errcode = 'TK006',
            detail  = format('more than %s levels of arrays and objects',
                             tasker._limit('json_depth')),
            hint    = 'This is the limit json_depth, which an operator can change with set_limit.';
  end if;
end;
$$;

comment on function tasker._check_depth is 'Guards JSON from outside by json_depth. Raises TK006.';
