create or replace function tasker.retry_step (
  p_step_uuid uuid,
  p_reason    text,
  p_options   jsonb default '{}'
)
  returns table (task_uuid uuid, step_state text, task_state text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Runs a failed step again, with all its attempts; or hurries one that waits for its backoff,
-- sleeps, or is to be asked again. In a gated template what is below it is reset. One that waits,
-- or that failed without an attempt, enters again. It goes on from its checkpoint, unless p_options
-- says {"fresh": true}.
--
-- Returns  one row; the same when the step is in the queue already
-- Raises   TK002 unknown step, TK003 when it neither failed nor waits, its failure is being
--          handled, its task is over, or past its deadline; 22023 without a reason, or for an
--          unknown option
-- Locks    the step, what is below it in a gated template, its timer, its task
-- Calls    _check_keys, _flag, _is_undecided, _open_again, _reopen, _begin_again, _send_again,
--          _record, _operator, _enter_due, _wake_up, _answer
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._existing_step_id(p_step_uuid);
  v_now     constant timestamptz := tasker._now();
  v_step    tasker.steps%rowtype;
  v_again   boolean;
  v_fresh   boolean;
  v_below   record;
  v_log     record;
begin
  perform tasker._check_reason(p_reason);
  p_options := coalesce(jsonb_strip_nulls(p_options), '{}');
  perform tasker._check_keys(p_options, 'the options', '{fresh,deadline}', '{}');
  v_fresh := tasker._flag(p_options -> 'fresh', 'fresh');
  select step.* into v_step
    from tasker.steps as step
   where step.step_id = v_step_id
     for no key update;
  v_again := v_step.state = 'error' and tasker._is_undecided(v_step);
  if v_step.state in ('error', 'waiting_for_retry') then
    v_below := tasker._open_again(v_step);
    update tasker.steps as step
       set state       = case when v_again then 'pending' else 'enqueued' end::tasker.step_state,
           attempt     = case when step.state = 'error' then 0 else step.attempt end,
           enqueued_at = case when not v_again then v_now end,
           claim_token = null,
           started_at  = null,
           finished_at = null,
           has_checkpoint = case when not v_fresh then step.has_checkpoint end
     where step.step_id = v_step_id;
    delete from tasker.timers as timer where timer.step_id = v_step_id;
    delete from tasker.dead_steps as dead where dead.step_id = v_step_id;
    v_log := tasker._reopen(tasker._task_of(v_step_id), v_now);
    perform tasker._begin_again(v_step, v_fresh, p_options -> 'deadline', v_now);
    if not v_again then
      perform tasker._send_again(v_step, v_now);
    end if;
    perform tasker._record(v_step_id || v_below.ids || v_log.ids,
                           format('step %s -> %s', v_step.state,
                                  case when v_again then 'pending' else 'enqueued' end
                           )::tasker.transition
                           || v_below.changes || v_log.changes,
                           session_user, p_reason, v_now);
    if v_again then
      v_log := tasker._enter_due(array[v_step_id], false, v_now);
      perform tasker._record(v_log.ids, v_log.changes, session_user, p_reason, v_now);
    end if;
    perform tasker._operator('retry_step', p_step_uuid::text, p_reason, v_now);
  elsif tasker._wake_up(v_step_id, p_reason, v_now) then
    perform tasker._operator('retry_step', p_step_uuid::text, p_reason, v_now);
  elsif v_step.state <> 'enqueued' then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail  = format('the step is %s', v_step.state),
            hint    = case when v_step.state in ('skipped', 'upstream_failed')
                           then 'explain_step names the step before it that decides about it.'
                           when v_step.state = 'waiting'
                           then 'explain_step says what it waits for, and how that is ended.'
                           else 'Only a step in error or waiting_for_retry can be retried.' end;
  end if;
  return query select answer.* from tasker._answer(v_step_id) as answer;
end;
$$;

comment on function tasker.retry_step is
'Runs a step in error again with all its attempts, or one that waits for its backoff, sleeps, or is to be asked for its condition at once; the task goes on. In a template with run_on, if or on_error, everything below the step that has ended is pending again, cleanup included. It goes on from its checkpoint; with p_options {"fresh": true} it starts over. {"deadline"} (a time or a duration) is a new deadline for its task, which is needed when that has passed. For a reason that is recorded. Raises TK002 (unknown step), TK003 (its state allows no retry, steps below it handle its failure, or its deadline has passed), 22023 (no reason, unknown option).';
