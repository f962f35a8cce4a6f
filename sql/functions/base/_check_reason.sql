create or replace function tasker._check_reason (p_reason text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Operators say why: 1 to 1000 characters, kept in the history.
--
-- Raises   22023
begin
  if (length(p_reason) <= 1000 and length(btrim(p_reason)) > 0) is not true then
    raise exception 'a reason of 1 to 1000 characters is needed'
      using errcode = '22023',
            detail  = format('got %s', coalesce(length(p_reason) || ' characters', 'null'));
  end if;
end;
$$;

comment on function tasker._check_reason is 'Guards the reason of an operator''s command (1 to 1000 characters). Raises 22023.';
