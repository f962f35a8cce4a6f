create or replace function tasker._fail_undone (
  p_step_ids bigint[],
  p_errors   jsonb[],
  p_now      timestamptz,
  p_states   tasker.step_state[] default null
)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Writes down the errors of steps that failed for good without an attempt of theirs (null: it did
-- not fail). p_states are the states in which they end, by default error.
--
-- Returns  the tasks of those that are in error
-- Calls    _fingerprint
begin
  if array_remove(p_errors, null) = '{}' then
    return array[]::bigint[];
  end if;
  with own as materialized (
    select step.step_id, step.template_id, step.attempt, step.claim_token, step.enqueued_at,
           step.started_at, failure.error, coalesce(failure.state, 'error') as state
      from unnest(p_step_ids, p_errors, p_states) as failure (step_id, error, state)
      join tasker.steps as step on step.step_id = failure.step_id
     where failure.error is not null
  ),
  failed as (
    insert into tasker.step_failures (
      step_id, attempt, token, worker, error, retryable, failed_at, to_state, lost,
      enqueued_at, started_at
    )
    select own.step_id, own.attempt, own.claim_token, 'engine', own.error, false, p_now, own.state,
           own.claim_token is not null, own.enqueued_at, own.started_at
      from own
     order by own.step_id
  )
  insert into tasker.dead_steps (step_id, template_id, failed_at, retryable, fingerprint)
  select own.step_id, own.template_id, p_now, false, tasker._fingerprint(own.error)
    from own
   where own.state = 'error';
  return array(select distinct tasker._task_of(failure.step_id)
                 from unnest(p_step_ids, p_errors, p_states) as failure (step_id, error, state)
                where failure.error is not null
                  and coalesce(failure.state, 'error') = 'error'
                order by 1);
end;
$$;

comment on function tasker._fail_undone is 'Writes down the errors of steps that failed for good without an attempt. Returns their tasks.';
