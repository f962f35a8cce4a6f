create or replace function tasker.result (
  p_results jsonb,
  p_step    text,
  p_path    text default '$'
)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The one value at a path in the result of a parent, for handlers in SQL: a typo is an error here,
-- where -> and ->> answer null.
--
-- Returns  the value; null in JSON is one
-- Raises   22023 naming step, path and what was there
-- Calls    _result_values, _shown
declare
  v_values constant jsonb[] := tasker._result_values(p_results, p_step, p_path);
begin
  if cardinality(v_values) = 1 then
    return v_values[1];
  end if;
  raise exception 'not one value in the result of a parent'
    using errcode = '22023',
          detail  = case when v_values is null then format('step %s has no result', p_step)
                         else format('step %s has %s values at %s: its result is %s', p_step,
                                     cardinality(v_values), coalesce(p_path, '$'),
                                     tasker._shown(p_results -> p_step)) end,
          hint    = 'result_or gives a default instead, and rows the elements of an array.';
end;
$$;

comment on function tasker.result is
'For handlers in SQL: the one value at an SQL/JSON path (strict unless it says lax) in the result of a parent, like tasker.result(results, ''reserve'', ''$.total''). An unknown parent, a parent without a result, and nothing or several values at the path raise 22023, with the step, the path and what was there.';
