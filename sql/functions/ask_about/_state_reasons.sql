create or replace function tasker._state_reasons (p_step_ids bigint[], p_now timestamptz)
  returns table (
    step_id bigint, rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What the state of each of these steps says: it has ended, failed for good, or somebody has it.
--
-- Returns  one row for each step in such a state
-- Calls    _error_text, _runs_long, _ago, _footnotes
#variable_conflict use_column
begin
  return query
  with step as materialized (
    select step.step_id, step.state, step.started_at, step.finished_at,
           format('select * from tasker.retry_step(%L, ''<why>'')',
                  tasker._step_uuid(task.task_uuid, step.step_id)) as retry,
           case when tasker._runs_long(step.started_at, link.timeout_seconds, p_now)
                  then format('select * from tasker.requeue_step(%L, ''<why>'')',
                              tasker._step_uuid(task.task_uuid, step.step_id)) end as requeue,
           claim.worker, claim.lease_until,
           submission.worker as submitter, submission.submitted_at,
           failure.worker as failed_by, failure.failed_at,
           format('attempt %s of %s', step.attempt, link.max_attempts) as attempt,
           format('attempt %s of %s failed: %s%s', step.attempt, link.max_attempts,
                  coalesce(tasker._error_text(failure.error), 'no error was kept'), own.saved)
             as failed,
           own.saved
      from tasker.steps as step
      join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(step.step_id)
      left join tasker.claims as claim on claim.token = step.claim_token
                                      and step.step_id = any (claim.step_ids)
      left join tasker.submissions as submission on submission.token = step.claim_token
                                                and step.step_id = any (submission.step_ids)
      left join lateral (select failure.error, failure.failed_at, failure.worker
                           from tasker.step_failures as failure
                          where failure.step_id = step.step_id
                          order by failure.failure_id desc
                          limit 1) as failure on true
     cross join lateral (select tasker._footnotes(step.step_id, p_now) as saved) as own
     where step.step_id = any (p_step_ids)
       and step.state not in ('pending', 'enqueued', 'waiting_for_retry', 'waiting')
  )
  select step.step_id, said.rank, said.code, true, said.reason,
         said.since, said.until, said.who, said.cure
    from step
   cross join lateral (
         select 90, 'ended', format('it is %s', step.state),
                step.finished_at, null::timestamptz, null::text, null::text
          where step.finished_at is not null
            and step.state not in ('error', 'skipped', 'upstream_failed')
         union all
         select 10, 'failed', step.failed, step.failed_at, null, step.failed_by, step.retry
          where step.state = 'error'
         union all
         select 20, 'lease_expired',
                format('the lease of %s ended %s ago; the next sweep takes the step back%s',
                       step.worker, tasker._ago(p_now - step.lease_until), step.saved),
                step.lease_until, null, step.worker, 'select * from tasker.sweep()'
          where step.state = 'in_progress' and step.lease_until < p_now
         union all
         select 60, 'running',
                format('%s has run at %s for %s; its lease ends in %s%s', step.attempt, step.worker,
                       tasker._ago(p_now - step.started_at),
                       tasker._ago(step.lease_until - p_now), step.saved),
                step.started_at, step.lease_until, step.worker, step.requeue
          where step.state = 'in_progress' and step.lease_until >= p_now
         union all
         select 30, 'submitted',
                format('the outcome of %s was submitted %s ago and waits to be processed',
                       step.attempt, tasker._ago(p_now - step.submitted_at)),
                step.submitted_at, null, step.submitter,
                'select * from tasker.process_step_results()'
          where step.state = 'in_progress' and step.submitted_at is not null
         ) as said (rank, code, reason, since, until, who, cure);
end;
$$;

comment on function tasker._state_reasons is 'Which of these steps have ended, failed for good, or are in somebody''s hands.';
