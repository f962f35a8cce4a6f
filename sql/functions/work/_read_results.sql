create or replace function tasker._read_results (
  p_outcomes   jsonb,
  out is_plain boolean,
  out step_ids bigint[],
  out results  jsonb[],
  out seconds  real[]
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads a batch of nothing but successes: [{"step_uuid", "result", "seconds"}].
--
-- Returns  is_plain false when there is anything else (a failure, an unknown key, a step named
--          twice, a large result, no array at all): _outcomes reads that, and says what is wrong;
--          else the steps in order, with their results, and how long their handlers took, if any
--          outcome says so
-- Calls    _is_plain, _step_id
declare
  v_one constant jsonb := p_outcomes -> 0;
begin
  if p_outcomes is null or p_outcomes = '[]' then
    is_plain := true;
    step_ids := '{}';
  elsif jsonb_typeof(p_outcomes) <> 'array' or jsonb_array_length(p_outcomes) > 100 then
    is_plain := false;
  elsif jsonb_array_length(p_outcomes) = 1 then
    is_plain := tasker._is_plain(v_one);
    if is_plain then
      step_ids := array[tasker._step_id((v_one ->> 'step_uuid')::uuid)];
      results  := array[v_one -> 'result'];
      if v_one ? 'seconds' then
        seconds := array[(v_one -> 'seconds')::real];
      end if;
    end if;
  else
    select bool_and(entry.is_plain) and count(distinct entry.step_id) = count(*),
           array_agg(entry.step_id order by entry.step_id),
           array_agg(entry.result order by entry.step_id),
           case when bool_or(entry.seconds is not null)
                then array_agg(entry.seconds order by entry.step_id) end
      into is_plain, step_ids, results, seconds
      from (select outcome -> 'result' as result,
                   case when plain.is_plain then (outcome -> 'seconds')::real end as seconds,
                   plain.is_plain,
                   case when plain.is_plain
                        then tasker._step_id((outcome ->> 'step_uuid')::uuid) end as step_id
              from jsonb_array_elements(p_outcomes) as outcome
             cross join lateral (select tasker._is_plain(outcome) as is_plain offset 0) as plain
           ) as entry;
  end if;
end;
$$;

comment on function tasker._read_results is 'Reads a batch of nothing but successes; is_plain false when it holds anything else.';
