create or replace function tasker._note_late_writes (
  p_token    uuid,
  p_step_ids bigint[],
  p_worker   text,
  p_now      timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts outcomes that were refused because their token had lost the step, each once. Steps that
-- the token holds, or has finished, are left out: nothing was late about them.
begin
  insert into tasker.refused_writes (step_id, token, worker, attempt, cause, lost_at, refused_at)
  select step.step_id,
         p_token,
         coalesce(failure.worker, claim.worker, p_worker),
         coalesce(failure.attempt, taken.attempt),
         case when failure.type = 'LeaseExpired' then 'lease expired'
              when failure.failed_at is not null or taken.attempt is not null then 'taken over'
              else 'unknown' end,
         coalesce(failure.failed_at, taken.finished_at),
         p_now
    from tasker.steps as step
    left join tasker.claims as claim on claim.token = p_token
                                    and step.step_id = any (claim.step_ids)
    left join lateral (
         select failure.worker, failure.attempt, failure.failed_at, failure.error ->> 'type' as type
           from tasker.step_failures as failure
          where failure.step_id = step.step_id
            and failure.token = p_token
          limit 1
         ) as failure on true
    left join lateral (
         select step.attempt, step.finished_at
          where claim.token is not null
             or step.claim_token = p_token
             or step.claim_token is null and step.finished_at is not null
         ) as taken on true
   where step.step_id = any (p_step_ids)
     and not coalesce(step.claim_token = p_token
                      and step.state in ('in_progress', 'complete', 'skipped'), false)
     and not exists (select from tasker.step_failures as reported
                      where reported.step_id = step.step_id
                        and reported.token = p_token
                        and not reported.lost)
      on conflict do nothing;
end;
$$;

comment on function tasker._note_late_writes is 'Counts outcomes that were refused because their token had lost the step, each once.';
