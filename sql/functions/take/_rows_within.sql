create or replace function tasker._rows_within (
  p_token        uuid,
  p_lease_until  timestamptz,
  p_step_ids     bigint[],
  p_now          timestamptz,
  p_context_once boolean
)
  returns table (
    step_uuid          uuid,
    task_uuid          uuid,
    name               text,
    handler            text,
    attempt            integer,
    max_attempts       integer,
    token              uuid,
    lease_until        timestamptz,
    timeout            interval,
    config             jsonb,
    context            jsonb,
    dependency_results jsonb,
    timeout_seconds    double precision,
    deadline           timestamptz,
    lease_seconds      double precision,
    dependency_states  jsonb,
    checkpoint         jsonb,
    checkpoint_number  bigint
  )
  language sql
  stable
begin atomic
-- The steps of a claim as _claim_rows, as many as fit into claim_bytes, at least one. With
-- p_context_once, only the first row of a task has its context.
--
-- Returns  one row per step that the claim still holds, by step_id; the last ones may be missing
-- Calls    _claim_rows, _raw_size, _limit
with own as (
  select claimed.*,
         row_number() over turn as place,
         coalesce(p_context_once and claimed.task_uuid = lag(claimed.task_uuid) over turn, false)
           as has_none
    from tasker._claim_rows(p_token, p_lease_until, p_step_ids, p_now) as claimed
  window turn as (order by claimed.step_id)
),
measured as (
  select own.*,
         sum(tasker._raw_size(own.dependency_results)
             + coalesce(tasker._raw_size(own.checkpoint), 0)
             + case when own.has_none then 0 else tasker._raw_size(own.context) end)
           over (order by own.place) as bytes
    from own
)
select one.step_uuid, one.task_uuid, one.name, one.handler, one.attempt, one.max_attempts,
       one.token, one.lease_until, one.timeout, one.config,
       case when not one.has_none then one.context end,
       one.dependency_results, one.timeout_seconds, one.deadline, one.lease_seconds,
       one.dependency_states, one.checkpoint, one.checkpoint_number
  from measured as one
 where one.place = 1
    or one.bytes <= 1048576
    or one.bytes <= tasker._limit('claim_bytes')
 order by one.place;
end;

comment on function tasker._rows_within is 'The steps of a claim, as many as fit into claim_bytes; a task''s context once, if that is asked for.';
