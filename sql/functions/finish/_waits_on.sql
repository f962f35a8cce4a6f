create or replace function tasker._waits_on (p_step_id bigint, p_token uuid)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Did a result under this token let the step wait on? Only a condition can: a step that sleeps has
-- no result, and one that comes later is stale.
begin
  return exists (
    select from tasker.given_back as back
      join tasker.steps as step on step.step_id = back.step_id
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(step.step_id)
     where back.step_id = p_step_id
       and back.token = p_token
       and link.features ? 'check');
end;
$$;

comment on function tasker._waits_on is 'Whether a result under this token let the step wait on, as that of a condition does.';
