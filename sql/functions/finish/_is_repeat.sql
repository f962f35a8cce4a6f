create or replace function tasker._is_repeat (
  p_token      uuid,
  p_step_ids   bigint[],
  p_failed_ids bigint[]
)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Was every one of these outcomes already applied under this token? Then the call is a repeated one
-- whose reply was lost.
--
-- Returns  true or false; null for no steps
-- Calls    _waits_on
begin
  return (
    select bool_and(case
             when wanted.step_id = any (p_failed_ids)
               then exists (select from tasker.step_failures as failure
                             where failure.step_id = wanted.step_id
                               and failure.token = p_token
                               and not failure.lost)
                    or exists (select from tasker.given_back as back  -- it slept
                                where back.step_id = wanted.step_id and back.token = p_token)
                    or exists (select from tasker.steps as step
                                where step.step_id = wanted.step_id
                                  and step.claim_token = p_token
                                  and step.state = 'skipped')
             else exists (select from tasker.steps as step
                           where step.step_id = wanted.step_id
                             and step.claim_token = p_token
                             and step.state = 'complete')
                  or tasker._waits_on(wanted.step_id, p_token) end)
      from unnest(p_step_ids) as wanted (step_id)
  );
end;
$$;

comment on function tasker._is_repeat is 'Whether all of these outcomes were already applied under this token (a call repeated after a lost reply).';
