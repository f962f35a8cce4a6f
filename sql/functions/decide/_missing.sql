create or replace function tasker._missing (p_document jsonb, p_reads jsonb)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Why a condition was neither true nor false, from what it reads: the first value that is missing,
-- and what is there instead; else what it found.
--
-- Returns  like '$.context.totl is missing, $.context is an object with the keys total'
-- Calls    _shown
declare
  v_read  text;
  v_above text;
  v_found jsonb[];
  v_said  text[] := array[]::text[];
begin
  for v_read in select jsonb_array_elements_text(p_reads) loop
    v_found := array(select jsonb_path_query(p_document, ('strict ' || v_read)::jsonpath,
                                             silent => true));
    if v_found = '{}' then
      v_above := v_read;
      while v_found = '{}' loop
        v_above := regexp_replace(v_above, '\."(?:[^"\\]|\\.)*"$', '');
        v_found := array(select jsonb_path_query(p_document, ('strict ' || v_above)::jsonpath,
                                                 silent => true));
      end loop;
      return format('%s is missing, %s is %s', replace(v_read, '"', ''), replace(v_above, '"', ''),
                    tasker._shown(v_found[1]));
    end if;
    v_said := v_said || format('%s is %s', replace(v_read, '"', ''), tasker._shown(v_found[1]));
  end loop;
  return coalesce(nullif(array_to_string(v_said, ', '), ''), 'it reads nothing');
end;
$$;

comment on function tasker._missing is 'Why a condition was neither true nor false.';
