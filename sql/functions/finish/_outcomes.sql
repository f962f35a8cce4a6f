create or replace function tasker._outcomes (
  p_outcomes   jsonb,
  out step_ids bigint[],
  out done_ids bigint[],
  out results  jsonb,
  out failures jsonb,
  out seconds  jsonb
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Reads and checks the outcomes of a batch: [{"step_uuid", "result", "seconds"} | {"step_uuid",
-- "error", "retryable", "retry_after_seconds", "seconds"} | {"step_uuid", "skip", "reason",
-- "seconds"} | {"step_uuid", "again_after_seconds", "seconds"}].
--
-- Returns  all step_ids in order, those that are done, their results by step_id, the failures and
--          skips as [{"step_id", "error", "retryable", "retry_after_seconds", "seconds"}] and
--          [{"step_id", "skip", "reason", "seconds"}] and so on, and by step_id how long the
--          handlers of those that are done took
-- Raises   22023 naming the first entry that is wrong, TK006 for more than steps_per_call,
--          or a result over result_bytes
-- Calls    _check_amount, _outcome_problem, _check_json, _error
declare
  v_wrong text;
begin
  if jsonb_typeof(p_outcomes) is distinct from 'array' then
    raise exception 'outcomes must be an array of objects'
      using errcode = '22023',
            detail = format('got %s', coalesce(jsonb_typeof(p_outcomes), 'null'));
  elsif jsonb_array_length(p_outcomes) > 100 then
    perform tasker._check_amount(jsonb_array_length(p_outcomes), 'the list of outcomes',
                                 'steps_per_call');
  end if;

  select format('entry %s: %s', entry.position, problem) into v_wrong
    from jsonb_array_elements(p_outcomes) with ordinality as entry (outcome, position)
   cross join lateral tasker._outcome_problem(entry.outcome) as problem
   where problem is not null
   order by entry.position
   limit 1;
  if v_wrong is not null then
    raise exception 'bad outcome' using errcode = '22023', detail = v_wrong;
  end if;

  if pg_column_size(p_outcomes) > 1024 then
    perform tasker._check_json(coalesce(entry.outcome -> 'result', entry.outcome -> 'checkpoint'),
                               'the result of ' || (entry.outcome ->> 'step_uuid'), 'result_bytes')
       from jsonb_array_elements(p_outcomes) as entry (outcome);
  end if;

  with entry as materialized (
    select tasker._step_id((entry.outcome ->> 'step_uuid')::uuid) as step_id, entry.outcome,
           case when jsonb_typeof(entry.outcome -> 'seconds') = 'number'
                then round(least(greatest((entry.outcome -> 'seconds')::numeric, 0), 31536000),
                           6) end
             as seconds
      from jsonb_array_elements(p_outcomes) as entry (outcome)
  )
  select coalesce(array_agg(entry.step_id order by entry.step_id), '{}'),
         coalesce(array_agg(entry.step_id order by entry.step_id)
                    filter (where not entry.outcome ?| '{error,skip,again_after_seconds}'), '{}'),
         coalesce(jsonb_object_agg(entry.step_id, entry.outcome -> 'result')
                    filter (where not entry.outcome ?| '{error,skip,again_after_seconds}'), '{}'),
         coalesce(jsonb_agg(case when entry.outcome ?| '{skip,again_after_seconds}'
                    then entry.outcome - 'step_uuid'
                         || jsonb_build_object('step_id', entry.step_id, 'seconds', entry.seconds)
                    else jsonb_build_object(
                           'step_id', entry.step_id,
                           'error', tasker._error(entry.outcome -> 'error'),
                           'retryable', entry.outcome -> 'retryable',
                           'retry_after_seconds', entry.outcome -> 'retry_after_seconds',
                           'seconds', entry.seconds) end
                            order by entry.step_id)
                    filter (where entry.outcome ?| '{error,skip,again_after_seconds}'), '[]'),
         jsonb_object_agg(entry.step_id, entry.seconds) filter (where entry.seconds is not null)
    into step_ids, done_ids, results, failures, seconds
    from entry;
  if (select count(distinct step_id) from unnest(step_ids) as step_id) <> cardinality(step_ids) then
    raise exception 'bad outcome' using errcode = '22023', detail = 'a step is named twice';
  end if;
end;
$$;

comment on function tasker._outcomes is 'Reads and checks the outcomes of a batch. Raises 22023 naming the first wrong entry, TK006.';
