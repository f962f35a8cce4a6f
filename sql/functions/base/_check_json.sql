create or replace function tasker._check_json (p_value jsonb, p_what text, p_limit text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards JSON from outside by its size (not compressed) and its depth. No limit of bytes can be set
-- under 8192.
--
-- Raises   TK006
-- Calls    _check_amount, _check_depth
declare
  v_bytes constant integer := pg_column_size(p_value #> '{}');
begin
  if v_bytes > 8192 then
    perform tasker._check_amount(v_bytes, p_what, p_limit);
  end if;
  if v_bytes > 1024 then
    perform tasker._check_depth(p_value, p_what);
  end if;
end;
$$;

comment on function tasker._check_json is 'Guards JSON from outside by a limit of bytes, and by json_depth. Raises TK006.';
