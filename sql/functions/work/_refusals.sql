create or replace function tasker._refusals (p_refused jsonb)
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
    refused            jsonb,
    dependency_states  jsonb,
    checkpoint         jsonb,
    checkpoint_number  bigint
  )
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Outcomes that were refused ([{"step_uuid", "code", "message", "detail"}], null: none), as rows of
-- finish_and_claim.
--
-- Calls    _task_uuid
select (refusal ->> 'step_uuid')::uuid,
       tasker._task_uuid((refusal ->> 'step_uuid')::uuid),
       null::text, null::text, null::integer, null::integer, null::uuid, null::timestamptz,
       null::interval, null::jsonb, null::jsonb, null::jsonb, null::double precision,
       null::timestamptz, null::double precision,
       refusal - 'step_uuid',
       null::jsonb, null::jsonb, null::bigint
  from jsonb_array_elements(p_refused) with ordinality as entry (refusal, position)
 order by position;
$$;

comment on function tasker._refusals is 'Outcomes that were refused, as rows of finish_and_claim.';
