create or replace function tasker._check_repeat (
  p_token   uuid,
  p_step_id bigint,
  p_repeat  boolean,
  p_state   tasker.step_state default 'complete'
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Lets a repeated completion (or skip: p_state) pass, if the caller says that it may be one.
--
-- Raises   TK009 when the token has completed the step and p_repeat is false; as _stale when it has
--          not
-- Calls    _waits_on, _stale, _refuse_repeat, _step_uuid
begin
  if not exists (select from tasker.steps as step
                  where step.step_id = p_step_id
                    and step.claim_token = p_token
                    and step.state = p_state)
     and not tasker._waits_on(p_step_id, p_token) then
    perform tasker._stale(p_token, array[p_step_id]);
  elsif not p_repeat then
    perform tasker._refuse_repeat(
      p_state::text,
      (select format('%s is %s', tasker._step_uuid(task.task_uuid, p_step_id), p_state)
         from tasker.tasks as task
        where task.task_id = tasker._task_of(p_step_id)));
  end if;
end;
$$;

comment on function tasker._check_repeat is 'Lets a repeated completion pass, if the caller says that it may be one. Raises TK009, TK001.';
