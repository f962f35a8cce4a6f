create or replace function tasker._take_finalization (
  p_task_id      bigint,
  p_attempt_uuid uuid,
  p_processor_id text,
  p_until        timestamptz,
  p_now          timestamptz
)
  returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Claims a task that looked as if it could be: locks it, and looks again.
--
-- Returns  null; why not, when something came in between
-- Locks    the task, its claim; never waits: the holder of one is at the task
-- Calls    _why_not_finalize
declare
  v_task    tasker.tasks%rowtype;
  v_claim   tasker.finalization_claims%rowtype;
  v_refusal text;
begin
  select task.* into v_task from tasker.tasks as task
   where task.task_id = p_task_id
     for no key update skip locked;
  if not found then
    return 'already_claimed';
  end if;
  select claim.* into v_claim from tasker.finalization_claims as claim
   where claim.task_id = p_task_id
     for update skip locked;
  if not found
     and exists (select from tasker.finalization_claims as claim
                  where claim.task_id = p_task_id) then
    return 'already_claimed';
  end if;
  v_refusal := tasker._why_not_finalize(v_task, v_claim, p_now);
  if v_refusal is not null then
    return v_refusal;
  end if;

  -- A session with an older snapshot does not see the claim; a write stops it.
  update tasker.unfinalized_tasks as unfinalized
     set since = unfinalized.since
   where unfinalized.task_id = p_task_id;
  delete from tasker.finalization_claims as claim where claim.task_id = p_task_id;
  with expired as (
    update tasker.finalization_attempts as attempt
       set ended_at = p_now, outcome = 'expired'
     where attempt.attempt_uuid = v_claim.attempt_uuid
    returning attempt.claimed_at
  )
  insert into tasker.finalization_events (at, event, seconds)
  select p_now, 'expired', extract(epoch from p_now - expired.claimed_at) from expired;
  insert into tasker.finalization_claims (
    task_id, attempt_uuid, processor_id, claimed_at, claimed_until
  )
  values (p_task_id, p_attempt_uuid, p_processor_id, p_now, p_until);
  return null;
end;
$$;

comment on function tasker._take_finalization is 'Claims a task for a processor, without waiting for anybody. Returns null, or why not.';
