create or replace function tasker.rows (
  p_results jsonb,
  p_step    text,
  p_path    text default '$'
)
  returns setof jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The elements of the array at a path in the result of a parent, for handlers in SQL.
--
-- Returns  one row per element, in their order
-- Raises   22023 as result, and when there is no array
-- Calls    result, _shown
declare
  v_array constant jsonb := tasker.result(p_results, p_step, p_path);
begin
  if jsonb_typeof(v_array) <> 'array' then
    raise exception 'not an array in the result of a parent'
      using errcode = '22023',
            detail  = format('step %s has at %s %s', p_step, coalesce(p_path, '$'),
                            tasker._shown(v_array));
  end if;
  return query select element from jsonb_array_elements(v_array) as element;
end;
$$;

comment on function tasker.rows is
'For handlers in SQL: the elements of the array at a path in the result of a parent, one row each, in their order. Raises 22023 as result does, and when there is no array.';
