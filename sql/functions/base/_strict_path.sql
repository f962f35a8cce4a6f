create or replace function tasker._strict_path (p_path text, p_what text default 'the path')
  returns jsonpath
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads an SQL/JSON path. It is strict unless it says lax: what is missing must not look like no
-- match.
--
-- Raises   22023 when it is none
declare
  v_error text;
begin
  if (length(p_path) <= 500) is not true then
    raise exception 'a path is a text of at most 500 characters'
      using errcode = '22023',
            detail  = p_what || coalesce(' has ' || length(p_path) || ' characters', ' is null');
  end if;
  begin
    return (case when p_path ~ '^\s*(lax|strict)\s' then p_path
                 else 'strict ' || p_path end)::jsonpath;
  exception when others then
    v_error := sqlerrm;
  end;
  raise exception 'not an SQL/JSON path'
    using errcode = '22023',
          detail  = format('%s %s: %s', p_what, quote_literal(p_path), v_error),
          hint    = 'A path begins with $, like $.total or $.items[0].price.';
end;
$$;

comment on function tasker._strict_path is 'Reads an SQL/JSON path, strict unless it says lax. Raises 22023.';
