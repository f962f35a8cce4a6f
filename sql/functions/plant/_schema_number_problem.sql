create or replace function tasker._schema_number_problem (
  p_schema jsonb,
  p_value  numeric,
  p_path   text
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What a schema does not allow about a number.
--
-- Returns  words; null when the number is right
declare
  v_need text;
begin
  v_need := case
    when p_value < (p_schema ->> 'minimum')::numeric
      then 'at least ' || left(p_schema ->> 'minimum', 60)
    when p_value > (p_schema ->> 'maximum')::numeric
      then 'at most ' || left(p_schema ->> 'maximum', 60)
    when p_value <= (p_schema ->> 'exclusiveMinimum')::numeric
      then 'more than ' || left(p_schema ->> 'exclusiveMinimum', 60)
    when p_value >= (p_schema ->> 'exclusiveMaximum')::numeric
      then 'less than ' || left(p_schema ->> 'exclusiveMaximum', 60)
    when p_value % (p_schema ->> 'multipleOf')::numeric <> 0
      then 'a multiple of ' || left(p_schema ->> 'multipleOf', 60)
  end;
  return format('%s is %s, need ', p_path, left(p_value::text, 60)) || v_need;
end;
$$;

comment on function tasker._schema_number_problem is 'What a JSON schema does not allow about a number; null when it is right.';
