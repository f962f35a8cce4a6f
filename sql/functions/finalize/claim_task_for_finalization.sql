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
-- the same processor id. Nobody waits to be refused: who finds another one at the task, be it
-- uncommitted, comes again. What is refused is written down.
--
-- Returns  one row; message is claimed, already_claimed, already_complete, not_ready or not_found
-- Raises   22023 for a bad processor or a timeout outside 1 to lease_seconds
-- Locks    the task, its claim; never waits
-- Calls    _why_not_finalize
#variable_conflict use_column
declare
  v_now     constant timestamptz := tasker._now();
  v_attempt constant uuid := gen_random_uuid();
  v_task    tasker.tasks%rowtype;
  v_claim   tasker.finalization_claims%rowtype;
  v_refusal text;
begin
  perform tasker._check_worker(p_processor_id);
  p_timeout_seconds := coalesce(p_timeout_seconds, 30);
  perform tasker._check_count(p_timeout_seconds, 1, 'lease_seconds');
  select task.* into v_task from tasker.tasks as task
   where task.task_id = tasker._task_of(tasker._step_id(p_task_uuid))
     and task.task_uuid = p_task_uuid;
  select claim.* into v_claim from tasker.finalization_claims as claim
   where claim.task_id = v_task.task_id;
  v_refusal := tasker._why_not_finalize(v_task, v_claim, v_now);
  if v_refusal is null then
    v_refusal := tasker._take_finalization(v_task.task_id, v_attempt, p_processor_id,
                                           v_now + make_interval(secs => p_timeout_seconds), v_now);
  end if;
  insert into tasker.finalization_attempts (
    attempt_uuid, task_id, processor_id, claimed_at, ended_at, outcome, reason
  )
  values (
    v_attempt, v_task.task_id, p_processor_id, v_now,
    case when v_refusal is not null then v_now end,
    case when v_refusal is not null then 'refused' end,
    v_refusal
  );
  insert into tasker.finalization_events (at, event, seconds)
  values (v_now, coalesce(v_refusal, 'claimed'), extract(epoch from tasker._now() - v_now));
  return query
  select v_refusal is null,
         case when v_refusal = 'already_claimed' and v_claim.claimed_until >= v_now
              then v_claim.processor_id end,
         v_task.state::text,
         coalesce(v_refusal, 'claimed'),
         case when v_refusal is null then v_attempt end;
end;
$$;

comment on function tasker.claim_task_for_finalization is
'Gives one processor the right to finalize a task for p_timeout_seconds (1 to lease_seconds). message says why or why not: claimed, already_claimed (already_claimed_by says who, unless that is not committed yet; also for a second claim under the same processor id), already_complete, not_ready (steps are open), not_found. It never waits for another processor, and past_finalization_attempts has what was refused, with the reason. finalization_attempt_uuid is the token for extend_finalization_claim, release_finalization_claim and finalize_task. A claim that is not released ends by itself. Raises 22023 (bad argument).';
