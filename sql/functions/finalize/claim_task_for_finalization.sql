create or replace function tasker.claim_task_for_finalization (
  p_task_uuid       uuid,
  p_processor_id    text,
  p_timeout_seconds bigint default 30
)
  returns table (
    claimed                   boolean,
    already_claimed_by        text,
    task_state                text,
    message                   text,
    finalization_attempt_uuid uuid
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Gives one processor the right to finalize a task, for a while. Ordinary tasks finalize
-- themselves; this is for templates with finalization = external. One claim at a time, also against
-- the same processor id.
--
-- Returns  one row; message is claimed, already_claimed, already_complete, not_ready or not_found
-- Raises   22023 for a bad processor or a timeout outside 1 to lease_seconds
-- Locks    the task, its claim
-- Calls    _is_active
#variable_conflict use_column
declare
  v_now     constant timestamptz := tasker._now();
  v_task    tasker.tasks%rowtype;
  v_claim   tasker.finalization_claims%rowtype;
  v_attempt uuid := gen_random_uuid();
begin
  perform tasker._check_worker(p_processor_id);
  p_timeout_seconds := coalesce(p_timeout_seconds, 30);
  perform tasker._check_count(p_timeout_seconds, 1, 'lease_seconds');
  select task.* into v_task from tasker.tasks as task
   where task.task_id = tasker._step_id(p_task_uuid) >> 20 and task.task_uuid = p_task_uuid
     for no key update;
  select claim.* into v_claim from tasker.finalization_claims as claim
   where claim.task_id = v_task.task_id
     for update;

  if v_task.task_id is null then
    return query select false, null::text, null::text, 'not_found', null::uuid;
  elsif v_task.finished_at is not null then
    return query select false, null::text, v_task.state::text, 'already_complete', null::uuid;
  elsif v_task.open_sinks > 0
        and (v_task.state <> 'blocked_by_failures' or tasker._is_active(v_task.task_id)) then
    return query select false, null::text, v_task.state::text, 'not_ready', null::uuid;
  elsif v_claim.claimed_until >= v_now then
    return query
    select false, v_claim.processor_id, v_task.state::text, 'already_claimed', null::uuid;
  else
    -- Whoever looks with an older snapshot does not see the claim; a write stops them.
    update tasker.unfinalized_tasks as unfinalized
       set since = unfinalized.since
     where unfinalized.task_id = v_task.task_id;
    delete from tasker.finalization_claims as claim where claim.task_id = v_task.task_id;
    update tasker.finalization_attempts as attempt
       set ended_at = v_now, outcome = 'expired'
     where attempt.attempt_uuid = v_claim.attempt_uuid;
    insert into tasker.finalization_claims (
      task_id, attempt_uuid, processor_id, claimed_at, claimed_until
    )
    values (
      v_task.task_id, v_attempt, p_processor_id, v_now,
      v_now + make_interval(secs => p_timeout_seconds)
    );
    insert into tasker.finalization_attempts (attempt_uuid, task_id, processor_id, claimed_at)
    values (v_attempt, v_task.task_id, p_processor_id, v_now);
    return query select true, null::text, v_task.state::text, 'claimed', v_attempt;
  end if;
end;
$$;

comment on function tasker.claim_task_for_finalization is
'Gives one processor the right to finalize a task for p_timeout_seconds (1 to lease_seconds). message says why or why not: claimed, already_claimed (already_claimed_by says who; also for a second claim under the same processor id), already_complete, not_ready (steps are open), not_found. finalization_attempt_uuid is the token for extend_finalization_claim, release_finalization_claim and finalize_task. A claim that is not released ends by itself. Raises 22023 (bad argument).';
