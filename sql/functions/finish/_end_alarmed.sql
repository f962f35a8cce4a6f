create or replace function tasker._end_alarmed (
  p_step_ids  bigint[],
  p_checks    bigint[],
  p_token     uuid,
  p_worker    text,
  p_now       timestamptz,
  out plain   bigint[],
  out ids     bigint[],
  out changes tasker.transition[],
  out failed  bigint[],
  out gated   bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What is left to do for completed steps that may have alarms: these go. Of those in p_checks the
-- result is only the answer to a question: true ends the wait, false lets the step wait on, and
-- anything else is a failed attempt.
--
-- Returns  the steps that are complete by their handler's word; of the checks the changes to
--          record, the tasks in which one failed for good, and who waits for those that ended
-- Raises   as _fail
-- Locks    nothing: the caller holds the steps
-- Calls    _forget, _waiting_for, _sleep, _fail, _shown
declare
  v_check record;
  v_log   record;
begin
  plain   := array(select id from unnest(p_step_ids) as id
                    where id <> all (coalesce(p_checks, '{}')) order by id);
  ids     := coalesce(p_checks, '{}');
  changes := '{}';
  failed  := '{}';
  gated   := '{}';
  for v_check in
    select step.step_id, step.result, step.seconds
      from tasker.steps as step
     where step.step_id = any (p_checks)
     order by array_position(p_checks, step.step_id)
  loop
    if v_check.result = 'true' then
      update tasker.steps as step
         set result = '{"outcome": "condition", "value": null, "signals": []}'
       where step.step_id = v_check.step_id;
      plain   := plain || v_check.step_id;
      changes := changes || 'step in_progress -> complete'::tasker.transition;
      gated   := gated || tasker._waiting_for(array[v_check.step_id]);
      continue;
    end if;
    update tasker.steps as step
       set state = 'in_progress', finished_at = null, result = null
     where step.step_id = v_check.step_id;
    if v_check.result = 'false' then
      v_log := tasker._sleep(p_token, v_check.step_id, p_worker, null, p_now, v_check.seconds);
    else
      v_log := tasker._fail(
        p_token, v_check.step_id, p_worker,
        jsonb_build_object('type', 'ConditionError', 'code', 'condition',
                           'message', 'its condition is ' || tasker._shown(v_check.result)
                                      || ', need true or false'),
        true, null, p_now, v_check.seconds);
    end if;
    changes := changes || v_log.change;
    gated   := gated || v_log.gated;
    if v_log.change = 'step in_progress -> error' then
      failed := failed || tasker._task_of(v_check.step_id);
    end if;
  end loop;
  perform tasker._forget(plain);
  plain := array(select id from unnest(plain) as id where id <> all (ids));
end;
$$;

comment on function tasker._end_alarmed is 'What is left to do for completed steps that may have alarms, or whose result is the answer to a question.';
