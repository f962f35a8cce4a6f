create or replace function tasker._result_values (
  p_results jsonb, p_step text, p_path text
)
  returns jsonb[]
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What stands at a path in the result of a parent.
--
-- Returns  the values; null when the parent has no result
-- Raises   22023 for an unknown parent, and for what is not a path
-- Calls    _strict_path, _shown, _nearest
declare
  v_path  constant jsonpath := tasker._strict_path(coalesce(p_path, '$'));
  v_names text[];
begin
  if jsonb_typeof(p_results) is distinct from 'object' then
    raise exception 'the results must be an object, as the handler got them'
      using errcode = '22023', detail = format('got %s', tasker._shown(p_results));
  elsif (p_results ? p_step) is not true then
    v_names := array(select key from jsonb_object_keys(p_results) as key order by key);
    raise exception 'no such parent'
      using errcode = '22023',
            detail  = format('%s; the parents are %s',
                             coalesce(quote_literal(left(p_step, 100)), 'null'),
                             coalesce(nullif(array_to_string(v_names[1:20], ', '), ''), 'none')),
            hint    = coalesce('Did you mean ' || tasker._nearest(p_step, v_names) || '?',
                               'A step gets the results of the steps in its dependencies.');
  elsif p_results -> p_step = 'null' then
    return null;
  end if;
  return array(select jsonb_path_query(p_results -> p_step, v_path, silent => true));
end;
$$;

comment on function tasker._result_values is 'What stands at a path in the result of a parent; null when it has none. Raises 22023.';
