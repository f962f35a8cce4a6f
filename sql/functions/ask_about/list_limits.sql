create or replace function tasker.list_limits ()
  returns table (
    name text, value integer, initial integer, minimum integer, maximum integer, unit text,
    meaning text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What the engine takes at most. operator_history says who changed a limit, and why.
--
-- Returns  one row per limit, by name
#variable_conflict use_column
begin
  return query
  select bound.name, bound.value, bound.initial, bound.minimum, bound.maximum, bound.unit,
         bound.meaning
    from tasker.limits as bound
   order by bound.name collate "C";
end;
$$;

comment on function tasker.list_limits is
'What the engine takes at most: each limit with its value, what it was at first, and the bounds that set_limit keeps it in.';
