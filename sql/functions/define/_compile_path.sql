create or replace function tasker._compile_path (p_path text, p_step jsonb)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Compiles a checked SQL/JSON path of a step.
--
-- Returns  {"if" (as it was written), "path" (as it is evaluated), "reads" (what it reads), "needs"
--          (the parents whose results, states or errors it reads)}; null for null
-- Calls    _strict_path, _path_roots
declare
  v_path  text;
  v_roots text[];
begin
  if p_path is null then
    return null;
  end if;
  v_path  := tasker._strict_path(p_path);
  v_roots := tasker._path_roots(v_path);
  return jsonb_strip_nulls(jsonb_build_object(
    'if', p_path,
    'path', v_path,
    'reads', v_roots,
    'needs', (select jsonb_agg(distinct parent)
                from unnest(v_roots) as root
               cross join jsonb_array_elements_text(coalesce(p_step -> 'dependencies', '[]'))
                            as parent
               where root ~ '^\$\."(results|states|errors)"'
                 and (regexp_match(root, '^\$\."\w+"\.("(?:[^"\\]|\\.)*")'))[1]::jsonb
                     = to_jsonb(parent))));
end;
$$;

comment on function tasker._compile_path is 'Compiles a checked SQL/JSON path of a step: what is evaluated, and what it reads.';
