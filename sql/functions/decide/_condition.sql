create or replace function tasker._condition (
  p_step_id   bigint,
  p_features  jsonb,
  p_value     jsonb default null,
  out is_met  boolean,
  out seen    jsonb,
  out problem text
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Evaluates a condition of a step, which may read p_value. Nothing in it may stop the call that
-- ended its last parent, or answered it: an error is a value here.
--
-- Returns  whether it is met (null: neither true nor false), the values that it read, and for null
--          why
-- Calls    _document, _missing
declare
  v_document jsonb;
begin
  v_document := tasker._document(p_step_id, coalesce(p_features -> 'needs', '[]'))
                || jsonb_build_object('value', p_value);
  seen := (
    select coalesce(jsonb_object_agg(replace(read, '"', ''), found.value)
                      filter (where found.value is not null), '{}')
      from jsonb_array_elements_text(p_features -> 'reads') as read
     cross join lateral (
           select jsonb_path_query_first(v_document, ('lax ' || read)::jsonpath, silent => true)
             as value) as found);
  is_met := jsonb_path_match(v_document, (p_features ->> 'path')::jsonpath, silent => true);
  if is_met is null then
    problem := tasker._missing(v_document, p_features -> 'reads');
  end if;
exception when others then
  is_met  := null;
  seen    := coalesce(seen, '{}');
  problem := sqlerrm;
end;
$$;

comment on function tasker._condition is 'Evaluates the condition of a step: met or not, what it read, and why it is neither.';
