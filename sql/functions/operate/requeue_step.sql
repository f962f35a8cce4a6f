create or replace function tasker.requeue_step (p_step_uuid uuid, p_reason text)
  returns table (task_uuid uuid, step_state text, task_state text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes a step back from its worker, into its queue; or puts the message of an enqueued one there
-- again, if it is gone. The attempt does not count, so that the last one can be had again too, but
-- is kept as lost. The claim is not touched, for claims are locked before steps: it names the step
-- until its worker asks, as it does one that was settled by hand.
--
-- Returns  one row; the same when the step is in the queue already
-- Raises   TK002 unknown step, TK003 when nobody holds it and it is not enqueued, or when its
--          outcome was submitted; 22023 without a reason
-- Locks    the step
-- Calls    _give_back, _queue_of, _lost_steps, _send, _record, _operator, _answer
#variable_conflict use_column
declare
  v_step_id constant bigint := tasker._existing_step_id(p_step_uuid);
  v_now     constant timestamptz := tasker._now();
  v_step    tasker.steps%rowtype;
  v_queue   text;
  v_worker  text;
begin
  perform tasker._check_reason(p_reason);
  select step.* into v_step
    from tasker.steps as step
   where step.step_id = v_step_id
     for no key update;
  select claim.worker into v_worker
    from tasker.claims as claim
   where claim.token = v_step.claim_token
     and v_step_id = any (claim.step_ids);
  if v_step.state = 'in_progress' and v_worker is not null then
    insert into tasker.step_failures (
      step_id, attempt, token, worker, error, retryable, failed_at, to_state, lost,
      enqueued_at, started_at
    )
    values (v_step_id, v_step.attempt, v_step.claim_token, v_worker,
            jsonb_build_object('type', 'TakenBack',
                               'message', format('taken back from worker %s: %s',
                                                 v_worker, p_reason)),
            true, v_now, 'enqueued', true, v_step.enqueued_at, v_step.started_at);
    perform tasker._give_back(v_step.claim_token, array[v_step_id], 1, v_now);
    perform tasker._record(array[v_step_id], '{step in_progress -> enqueued}', session_user,
                           p_reason, v_now);
    perform tasker._operator('requeue_step', p_step_uuid::text, p_reason, v_now);
  elsif v_step.state = 'enqueued' then
    select tasker._queue_of(link.queue, v_step.priority)
      into v_queue
      from tasker.template_steps as link
     where link.template_id = v_step.template_id and link.step_no = tasker._step_no(v_step_id);
    if tasker._lost_steps(v_queue, array[v_step_id], '{-infinity}') is not null then
      update tasker.steps as step set enqueued_at = v_now where step.step_id = v_step_id;
      perform tasker._send(array[v_step_id], array[v_step.template_id], array[v_step.priority],
                           v_now);
      perform tasker._operator('requeue_step', p_step_uuid::text, p_reason, v_now);
    end if;
  else
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail  = format('the step is %s', v_step.state)
                      || case v_step.state when 'in_progress' then ', its outcome submitted'
                                           else '' end,
            hint    = case v_step.state
                        when 'in_progress' then 'process_step_results, or a sweep, applies it.'
                        when 'pending' then 'explain_step says what it waits for.'
                        when 'waiting' then 'explain_step says what it waits for.'
                        when 'waiting_for_retry' then 'retry_step runs it at once.'
                        when 'error' then 'retry_step runs it again.'
                        else 'It has ended, and will not run again.'
                      end;
  end if;
  return query select answer.* from tasker._answer(v_step_id) as answer;
end;
$$;

comment on function tasker.requeue_step is
'Takes a step that is in progress back from its worker, which is fenced off, and puts it into its queue; the attempt does not count. For an enqueued step, sends its message again if that is gone. For a reason that is recorded. Safe to repeat. Raises TK002 (unknown step), TK003 (it is neither, or its outcome was submitted; the hint names the verb that fits), 22023 (no reason).';
