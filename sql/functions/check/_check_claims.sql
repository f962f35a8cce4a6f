create or replace function tasker._check_claims (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Claims and submissions against the steps: a step in progress has exactly one holder.
-- A claim may still name a step that was cancelled, settled or taken back by hand, until its worker
-- asks or its lease ends.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
-- Calls    _recovery_grace
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
  v_now   constant timestamptz := tasker._now();
  v_grace constant interval := tasker._recovery_grace();
begin
  return query
  with held as materialized (
    select claim.token,
           step_id,
           claim.worker,
           claim.claimed_at,
           claim.lease_until,
           null::timestamptz as submitted_at
      from tasker.claims as claim cross join unnest(claim.step_ids) as step_id
     where step_id > v_first and step_id < v_last
    union all
    select submission.token, step_id, submission.worker, null, null, submission.submitted_at
      from tasker.submissions as submission cross join unnest(submission.step_ids) as step_id
     where step_id > v_first and step_id < v_last
  ),
  holder as materialized (
    select held.step_id, held.token, count(*) as times from held group by held.step_id, held.token
  )
  select 'a step in progress is in one pair of hands', 'safety', step.step_id,
         format('claim or submission %s names it %s times',
                step.claim_token, coalesce(holder.times, 0))
    from tasker.steps as step
    left join holder on holder.step_id = step.step_id and holder.token = step.claim_token
   where step.step_id > v_first
     and step.step_id < v_last
     and step.state = 'in_progress'
     and coalesce(holder.times, 0) <> 1
  union all
  select broken.invariant, broken.severity, held.step_id,
         format('%s of %s, lease until %s, submitted %s; the step is %s',
                held.token, held.worker, held.lease_until, held.submitted_at,
                coalesce(step.state::text, 'missing'))
    from held
    left join tasker.steps as step on step.step_id = held.step_id
   cross join lateral (
         values ('no claim holds finished work', 'safety',
                 step.step_id is null
                 or step.claim_token = held.token
                    and step.state in ('complete', 'error', 'waiting_for_retry')),
                ('the times of a claim are finite', 'safety',
                 not (isfinite(held.claimed_at) and isfinite(held.lease_until))),
                ('an expired claim is taken back', 'convergence',
                 held.lease_until < v_now - v_grace),
                ('a submission is processed', 'convergence',
                 held.submitted_at < v_now - v_grace)
         ) as broken (invariant, severity, is_broken)
   where broken.is_broken;
end;
$$;

comment on function tasker._check_claims is 'check_invariants: claims and submissions against the steps.';
