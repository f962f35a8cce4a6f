create or replace function tasker._lose_attempts (
  p_token    uuid,
  p_step_ids bigint[],
  p_worker   text,
  p_error    jsonb,
  p_now      timestamptz,
  out back   bigint[],
  out spent  bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- The attempts at steps of a claim are lost: each is kept as a failure that says so, and its step
-- goes back into its queue. An attempt that made a checkpoint need not count.
--
-- Returns  the steps that went back; and those that had their last attempt, left as they are
-- Locks    the steps in id order
-- Calls    _give_back; for steps with checkpoints _excusable, _excuse
declare
  v_saved bigint[];
  v_mild  bigint[] := '{}'::bigint[];
begin
  v_saved := array_remove(array(
    select case when step.has_checkpoint and step.claim_token = p_token
                     and step.state = 'in_progress' then step.step_id end
      from tasker.steps as step
     where step.step_id = any (p_step_ids)
     order by step.step_id
       for no key update), null);
  if v_saved <> '{}' then
    v_mild := tasker._excusable(p_token, v_saved);
  end if;
  spent := array(
    select step.step_id
      from tasker.steps as step
      join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = tasker._step_no(step.step_id)
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress'
       and step.step_id <> all (v_mild)
       and step.attempt >= link.max_attempts);
  insert into tasker.step_failures (
    step_id, attempt, token, worker, error, retryable, failed_at, to_state, lost,
    enqueued_at, started_at
  )
  select step.step_id, step.attempt, p_token, p_worker, p_error, true, p_now, 'enqueued',
         true, step.enqueued_at, step.started_at
    from tasker.steps as step
   where step.step_id = any (p_step_ids)
     and step.step_id <> all (spent)
     and step.claim_token = p_token
     and step.state = 'in_progress';
  back := tasker._give_back(
    p_token, array(select id from unnest(p_step_ids) as id where id <> all (spent)), 0, p_now);
  if v_saved <> '{}' then
    perform tasker._excuse(v_saved, v_mild);
  end if;
end;
$$;

comment on function tasker._lose_attempts is 'The attempts at steps of a claim are lost: puts the steps back, except those that had their last one.';
