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
-- Calls    _step_id
begin
  if p_outcomes is null or p_outcomes = '[]' then
    is_plain := true;
    step_ids := '{}';
    return;
  elsif jsonb_typeof(p_outcomes) <> 'array' or jsonb_array_length(p_outcomes) > 100 then
    is_plain := false;
    return;
  end if;
  select bool_and(entry.is_plain) and count(distinct entry.step_id) = count(*),
         array_agg(entry.step_id order by entry.step_id),
         array_agg(entry.result order by entry.step_id),
         case when bool_or(entry.seconds is not null)
              then array_agg(entry.seconds order by entry.step_id) end
    into is_plain, step_ids, results, seconds
    from (select outcome -> 'result' as result,
                 case when plain.is_plain then (outcome -> 'seconds')::real end as seconds,
                 plain.is_plain,
                 case when plain.is_plain then tasker._step_id((outcome ->> 'step_uuid')::uuid) end
                   as step_id
            from jsonb_array_elements(p_outcomes) as outcome
           cross join lateral (
                 select jsonb_typeof(outcome) = 'object'
                        and coalesce(outcome ->> 'step_uuid'
                            ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
                            false)
                        and outcome - '{step_uuid,result,seconds}'::text[] = '{}'
                        and case when outcome ? 'seconds'
                                 then jsonb_typeof(outcome -> 'seconds') = 'number'
                                      and (outcome -> 'seconds' between '1e-6' and '1e6'
                                           or outcome -> 'seconds' = '0')
                                 else true end
                        and pg_column_size(outcome -> 'result') <= 1024 is not false as is_plain
                 offset 0) as plain) as entry;
end;
$$;

comment on function tasker._read_results is 'Reads a batch of nothing but successes; is_plain false when it holds anything else.';
