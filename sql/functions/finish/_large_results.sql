create or replace function tasker._large_results (
  p_outcomes   jsonb,
  out outcomes jsonb,
  out uuids    text[]
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Takes the results out of a list of outcomes that are over result_bytes or json_depth.
--
-- Returns  the list without them, and whose they were (null: nobody's)
-- Calls    _limit, _is_deep
declare
  v_most constant integer := tasker._limit('result_bytes');
  v_deep constant integer := tasker._limit('json_depth');
begin
  outcomes := p_outcomes;
  if pg_column_size(p_outcomes) <= 1024 or jsonb_typeof(p_outcomes) <> 'array' then
    return;
  end if;
  uuids := (
    select array_agg(entry.outcome ->> 'step_uuid')
      from jsonb_array_elements(p_outcomes) as entry (outcome)
     where case when pg_column_size(entry.outcome -> 'result' #> '{}') > 1024
                then pg_column_size(entry.outcome -> 'result' #> '{}') > v_most
                     or tasker._is_deep(entry.outcome -> 'result', v_deep)
           end);
  if uuids is not null then
    outcomes := (
      select jsonb_agg(case when entry.outcome ->> 'step_uuid' = any (uuids)
                            then entry.outcome - 'result' else entry.outcome end
                       order by entry.position)
        from jsonb_array_elements(p_outcomes) with ordinality as entry (outcome, position));
  end if;
end;
$$;

comment on function tasker._large_results is 'Takes the results out of a list of outcomes that are over a limit. Returns the list without them, and whose they were.';
