create or replace function tasker._outcome_problem (p_outcome jsonb)
  returns text
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What is wrong with an outcome that a worker reports; null when nothing is.
select case
  when jsonb_typeof(p_outcome) <> 'object' then 'not an object'
  when (p_outcome ->> 'step_uuid'
        ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$') is not true
    then 'step_uuid must be a uuid'
  when p_outcome ? 'result' and p_outcome ? 'error'
    then 'has both a result and an error'
  when exists (select
                 from jsonb_object_keys(p_outcome) as key
                where key not in ('step_uuid', 'result', 'error', 'retryable',
                                  'retry_after_seconds', 'seconds', 'skip', 'reason',
                                  'again_after_seconds', 'checkpoint'))
    then 'unknown key; known are step_uuid, result, error, retryable, '
         'retry_after_seconds, seconds, skip, reason, again_after_seconds, checkpoint'
  when p_outcome ? 'skip' and p_outcome -> 'skip' <> 'true'
    then 'skip must be true'
  when p_outcome ? 'skip' and p_outcome ?| '{result,error}'
    then 'a step that is skipped has no result and no error'
  when p_outcome ? 'again_after_seconds' and p_outcome ?| '{result,error,skip}'
    then 'a step that sleeps has no result and no error, and is not skipped'
  when p_outcome ? 'again_after_seconds'
       and not jsonb_path_exists(p_outcome,
                                 '$.again_after_seconds ? (@ > 0 && @ <= 316224000)')
    then 'again_after_seconds must be a number greater than 0, of at most 3660 days'
  when p_outcome ? 'checkpoint' and not p_outcome ? 'again_after_seconds'
    then 'a checkpoint belongs to a step that sleeps'
  when p_outcome ? 'reason' and not p_outcome ? 'skip'
    then 'a reason belongs to a skip'
  when coalesce(jsonb_typeof(p_outcome -> 'reason'), 'null') not in ('string', 'null')
       or length(p_outcome ->> 'reason') > 1000
    then 'reason must be a string of at most 1000 characters'
  when not p_outcome ? 'error' and p_outcome ?| '{retryable,retry_after_seconds}'
    then 'retryable and retry_after_seconds belong to an error'
  when coalesce(jsonb_typeof(p_outcome -> 'retryable'), 'boolean') <> 'boolean'
    then 'retryable must be true or false'
  when coalesce(jsonb_typeof(p_outcome -> 'retry_after_seconds'), 'null')
       not in ('number', 'null')
    then 'retry_after_seconds must be a number'
  when coalesce(jsonb_typeof(p_outcome -> 'seconds'), 'null') not in ('number', 'null')
    then 'seconds must be a number'
end;
$$;

comment on function tasker._outcome_problem is 'What is wrong with an outcome that a worker reports; null when nothing is.';
