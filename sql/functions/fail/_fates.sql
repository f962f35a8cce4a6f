create or replace function tasker._fates (p_token uuid, p_step_ids bigint[])
  returns table (step_id bigint, fate text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What has happened to steps that a worker holds, or held, under a token:
--   held           the claim has it still
--   finished       this token completed or failed it, let it sleep, or handed its outcome in
--   cancelled      with its task, or it was to be done by now
--   settled        an operator completed or resolved it, or took it back
--   lease_expired  it was taken back because nobody reported in time
--   unknown        given back, or never held; or there is no such step
--
-- Returns  one row per step that is asked for
#variable_conflict use_column
begin
  return query
  select wanted.step_id,
         case
           when step.claim_token = p_token and step.state = 'in_progress'
             then case when exists (select from tasker.claims as claim
                                     where claim.token = p_token
                                       and wanted.step_id = any (claim.step_ids))
                       then 'held' else 'finished' end
           when step.claim_token = p_token and step.state in ('complete', 'skipped')
                or not failure.lost
                or exists (select from tasker.given_back as back
                            where back.step_id = wanted.step_id and back.token = p_token)
             then 'finished'
           when failure.type in ('Cancelled', 'DeadlineExceeded') then 'cancelled'
           when failure.type = 'LeaseExpired' then 'lease_expired'
           when failure.lost then 'settled'
           when step.claim_token <> p_token then 'unknown'
           when step.state = 'cancelled' then 'cancelled'
           when step.state in ('complete', 'resolved_manually') then 'settled'
           else 'unknown'
         end
    from unnest(p_step_ids) as wanted (step_id)
    left join tasker.steps as step on step.step_id = wanted.step_id
    left join lateral (
         select failure.lost, failure.error ->> 'type' as type
           from tasker.step_failures as failure
          where failure.step_id = step.step_id
            and failure.token = p_token
          limit 1
         ) as failure on true;
end;
$$;

comment on function tasker._fates is 'What has happened to steps under a token: held, finished, cancelled, settled, lease_expired, unknown.';
