create or replace function tasker._clean_up (
  p_task_id bigint,
  p_reason  text,
  p_now     timestamptz
)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Cancels a task of a gated template and lets it clean up: open steps that a failure would stop end
-- in error, their workers are fenced off, and those behind them that run on failure, or in
-- the end, have their turn.
--
-- Returns  how many steps were ended; null when there was nothing to end, or this was done before
-- Locks    the open steps in id order, their timers, then as finishing steps
-- Calls    _last_error, _fail_open, _record
declare
  v_log record;
begin
  if not exists (select from tasker.tasks as task
                   join tasker.task_templates as template using (template_id)
                  where task.task_id = p_task_id and template.gated)
     or exists (
       select from tasker.dead_steps as dead
         join tasker.steps as step on step.step_id = dead.step_id and step.claim_token is null
        where dead.step_id > tasker._id_of_task(p_task_id)
          and dead.step_id < tasker._id_of_task(p_task_id + 1)
          and tasker._last_error(dead.step_id) ->> 'code' = 'cancelled') then
    return null;
  end if;
  v_log := tasker._fail_open(
    p_task_id,
    jsonb_build_object('type', 'Cancelled', 'code', 'cancelled',
                       'message', 'its task was cancelled: ' || p_reason),
    p_now);
  perform tasker._record(v_log.ids, v_log.changes, session_user, p_reason, p_now);
  return nullif(v_log.ended, 0);
end;
$$;

comment on function tasker._clean_up is 'Cancels a task and lets it clean up. Returns how many steps it ended; null when there was nothing to end.';
