create or replace function tasker._check_repeat (
  p_token uuid, p_step_id bigint, p_repeat boolean
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Lets a repeated completion pass, if the caller says that it may be one.
--
-- Raises   TK009 when the token has completed the step and p_repeat is false; as _stale when it has
--          not
-- Calls    _stale, _step_uuid
begin
  if not exists (select from tasker.steps as step
                  where step.step_id = p_step_id
                    and step.claim_token = p_token
                    and step.state = 'complete') then
    perform tasker._stale(p_token, array[p_step_id]);
  elsif not p_repeat then
    raise exception 'already complete by this claim'
      using errcode = 'TK009',
            detail  = (select format('%s is complete',
                                     tasker._step_uuid(task.task_uuid, p_step_id))
                         from tasker.tasks as task
                        where task.task_id = p_step_id >> 20),
            hint    = 'Roll back, nothing is lost: what the first call wrote is in the database. '
                      'A call without writes of its own may pass p_repeat => true.';
  end if;
end;
$$;

comment on function tasker._check_repeat is 'Lets a repeated completion pass, if the caller says that it may be one. Raises TK009, TK001.';
