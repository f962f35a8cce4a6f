create or replace function tasker._features (p_step jsonb)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What decides whether a step of a gated template runs, compiled from its checked definition.
--
-- Returns  {"run_on", "on_error"}, and of a condition {"if", "path" (as it is evaluated), "reads"
--          (what it reads), "needs" (the parents whose results, states or errors it reads)}
-- Calls    _strict_path, _path_roots
declare
  v_path  text;
  v_roots text[];
begin
  if p_step ? 'if' then
    v_path  := tasker._strict_path(p_step ->> 'if');
    v_roots := tasker._path_roots(v_path);
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'run_on', coalesce(p_step ->> 'run_on', 'success'),
    'on_error', coalesce(p_step ->> 'on_error', 'fail'),
    'if', p_step -> 'if',
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

comment on function tasker._features is 'What decides whether a step of a gated template runs, compiled.';
