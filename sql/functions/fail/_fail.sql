create or replace function tasker._fail (
  p_token       uuid,
  p_step_id     bigint,
  p_worker      text,
  p_error       jsonb,
  p_retryable   boolean,
  p_retry_after interval,
  p_now         timestamptz,
  p_seconds     real default null,
  out change    tasker.transition,
  out gated     bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends an attempt that failed: the step waits for its backoff, or is in error when the failure is
-- permanent or was the last attempt allowed; or skipped, where that does not matter (on_error). A
-- retry_after (checked by the caller) wins over the backoff.
--
-- Returns  the change to record; a change to error still has to reach the task (_advance_tasks);
--          and, when it has ended in a gated template, who waits for it (_advance_rarely)
-- Raises   TK001 when the token does not hold the step
-- Locks    its timer; the caller holds the step
-- Calls    _stale, _backoff_ms, _fingerprint, _forget
declare
  v_step  tasker.steps%rowtype;
  v_link  tasker.template_steps%rowtype;
  v_state tasker.step_state := 'error'::tasker.step_state;
  v_due   timestamptz;
begin
  select step.* into v_step
    from tasker.steps as step
   where step.step_id = p_step_id;
  if v_step.claim_token is distinct from p_token or v_step.state is distinct from 'in_progress' then
    perform tasker._stale(p_token, array[p_step_id]);
  end if;
  select link.* into v_link from tasker.template_steps as link
   where link.template_id = v_step.template_id and link.step_no = tasker._step_no(p_step_id);

  if p_retryable and v_step.attempt < v_link.max_attempts then
    v_state := 'waiting_for_retry';
    v_due   := p_now + case
      when p_retry_after is not null then p_retry_after
      else tasker._backoff_ms(v_link.backoff, v_link.backoff_base_ms, v_link.max_backoff_ms,
                              v_step.attempt)
           * (case when v_link.jitter then 0.5 + random() / 2 else 1 end)
           * interval '1 millisecond'
    end;
    insert into tasker.timers (step_id, due_at) values (p_step_id, v_due);
    if v_step.has_checkpoint then  -- those lost before are no longer in a row
      update tasker.checkpoints as saved set unlucky = 0 where saved.step_id = p_step_id;
    end if;
  elsif v_link.features ->> 'on_error' = 'skip' then
    v_state := 'skipped';
    delete from tasker.checkpoints as saved where saved.step_id = p_step_id;
  end if;

  update tasker.steps as step
     set state       = v_state,
         seconds     = p_seconds,
         finished_at = case when v_state <> 'waiting_for_retry' then p_now end
   where step.step_id = p_step_id;
  insert into tasker.step_failures (
    step_id, attempt, token, worker, error, retryable, failed_at, to_state, next_retry_at,
    enqueued_at, started_at, seconds
  )
  values (
    p_step_id, v_step.attempt, p_token, p_worker, p_error, p_retryable, p_now,
    v_state, v_due, v_step.enqueued_at, v_step.started_at, p_seconds
  );
  if v_state = 'error' then
    insert into tasker.dead_steps (step_id, template_id, failed_at, retryable, fingerprint)
    values (p_step_id, v_step.template_id, p_now, p_retryable, tasker._fingerprint(p_error));
  end if;
  if v_link.features ? 'alarms' and v_state <> 'waiting_for_retry' then
    perform tasker._forget(array[p_step_id]);
  end if;
  change := ('step in_progress -> ' || v_state)::tasker.transition;
  if v_link.features ? 'run_on' and v_state <> 'waiting_for_retry' then
    gated := array(select p_step_id - v_link.step_no + child_no
                     from unnest(v_link.children) as child_no);
  end if;
end;
$$;

comment on function tasker._fail is 'Ends a failed attempt: retry after backoff or retry_after, or error for good. Returns the change. Raises TK001.';
