create or replace function tasker._check_json_size (p_value jsonb, p_what text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards contexts and results: at most 1 MiB as stored. Larger data belongs in a table of the
-- user's own.
--
-- Raises   TK006
begin
  if pg_column_size(p_value) > 1048576 then
    raise exception '% is too large', p_what
      using errcode = 'TK006',
            detail = format('%s bytes, at most 1048576', pg_column_size(p_value)),
            hint = 'Store the data in a table of your own and pass its key.';
  end if;
end;
$$;

comment on function tasker._check_json_size is 'Guards contexts and results: at most 1 MiB. Raises TK006.';
