create or replace function tasker.result_or (
  p_results jsonb,
  p_step    text,
  p_path    text,
  p_default jsonb
)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- As result, with a default for a parent without a result, and where nothing stands at the path.
--
-- Returns  the value, or the default
-- Raises   22023 for an unknown parent, several values, and what is not a path
-- Calls    _result_values, result
declare
  v_values constant jsonb[] := tasker._result_values(p_results, p_step, p_path);
begin
  if coalesce(cardinality(v_values), 0) = 0 then
    return p_default;
  end if;
  return tasker.result(p_results, p_step, p_path);
end;
$$;

comment on function tasker.result_or is
'For handlers in SQL: the one value at a path in the result of a parent, as result gives it, or the default where the parent has no result, or nothing stands at the path. Raises 22023 for an unknown parent, several values, and what is not a path.';
