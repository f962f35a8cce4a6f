create or replace function tasker.step_attempts (p_step_uuid uuid)
  returns table (
    attempt       integer,
    outcome       text,
    worker        text,
    enqueued_at   timestamptz,
    started_at    timestamptz,
    ended_at      timestamptz,
    error         jsonb,
    retryable     boolean,
    next_retry_at timestamptz,
    seconds       real
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What happened to each attempt at a step: of those that failed, their failures tell, of the last
-- one, the step's row. Who ran that is in its claim, and later by history: only that of the
-- moment in which it began is read.
--
-- Returns  one row per attempt that began, in order; an operator's retry begins again with 1
-- Raises   TK002 no such step, 22023 null
-- Calls    _existing_step_id, _changes
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._existing_step_id(p_step_uuid);
begin
  return query
  select failure.attempt::integer, case when failure.lost then 'lost' else 'failed' end,
         failure.worker, failure.enqueued_at, failure.started_at, failure.failed_at,
         failure.error, failure.retryable, failure.next_retry_at, failure.seconds
    from tasker.step_failures as failure
   where failure.step_id = v_step_id
   order by failure.failure_id;

  return query
  select step.attempt::integer,
         case when submission.token is not null then 'submitted'
              when step.state = 'in_progress' then 'running'
              else step.state::text end,
         coalesce(claim.worker, submission.worker,
                  (select change.actor
                     from tasker._changes as change
                    where change.at = step.started_at
                      and change.id = v_step_id
                      and change.change = 'step enqueued -> in_progress'
                    order by change.transition_id desc
                    limit 1)),
         step.enqueued_at, step.started_at, step.finished_at,
         null::jsonb, null::boolean, null::timestamptz,
         case when step.state in ('complete', 'error') then step.seconds end
    from tasker.steps as step
    left join tasker.claims as claim on claim.token = step.claim_token
                                    and step.state = 'in_progress'
    left join tasker.submissions as submission on submission.token = step.claim_token
                                              and step.state = 'in_progress'
                                              and v_step_id = any (submission.step_ids)
   where step.step_id = v_step_id
     and step.started_at is not null
     and not exists (select from tasker.step_failures as failure
                      where failure.step_id = v_step_id
                        and failure.attempt = step.attempt
                        and failure.started_at = step.started_at);
end;
$$;

comment on function tasker.step_attempts is
'What happened to each attempt at a step, in order: who ran it, from when to when, and how it ended: running, submitted (its outcome waits to be processed), complete, failed, lost (its lease ended without a report), cancelled, resolved_manually; error, retryable and next_retry_at of those that failed; seconds that its handler took, as its worker measured (null: it did not say). An operator''s retry counts from 1 again; an attempt that was given back unrun is none. Bounded by the number of attempts. Raises TK002 (unknown step), 22023 (null).';
