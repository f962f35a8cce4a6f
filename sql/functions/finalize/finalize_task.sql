create or replace function tasker.finalize_task (
  p_task_uuid                 uuid,
  p_finalization_attempt_uuid uuid default null
)
  returns table (task_uuid uuid, task_state text, finalized boolean, message text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends a task whose steps have all ended: complete, or error when it is blocked by failures. With
-- the token of a finalization claim, or without one while nobody holds a claim.
--
-- Returns  one row; message is finalized, already_complete or not_ready
-- Raises   TK001 when another processor holds the claim or this one lost it, TK002 unknown task
-- Locks    the task, its finalization claim
-- Calls    _stale_finalization, _finalize, _record
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_now     constant timestamptz := tasker._now();
  v_claim   tasker.finalization_claims%rowtype;
  v_log     record;
  v_outcome text;
begin
  perform from tasker.tasks as task where task.task_id = v_task_id for no key update;
  select claim.* into v_claim from tasker.finalization_claims as claim
   where claim.task_id = v_task_id
     for update;
  if v_claim.attempt_uuid is distinct from p_finalization_attempt_uuid
     and (p_finalization_attempt_uuid is not null or v_claim.claimed_until >= v_now)
     and not exists (select from tasker.finalization_attempts as attempt
                      where attempt.attempt_uuid = p_finalization_attempt_uuid
                        and attempt.outcome = 'finalized') then
    perform tasker._stale_finalization(
      p_finalization_attempt_uuid,
      case when v_claim.attempt_uuid is null then 'the claim is gone'
           else format('the task is claimed by %s until %s',
                       v_claim.processor_id, v_claim.claimed_until) end);
  end if;

  v_log := tasker._finalize(v_task_id, true, v_now);
  perform tasker._record(v_log.ids, v_log.changes,
                         coalesce(v_claim.processor_id, session_user), null, v_now);
  v_outcome := case when cardinality(v_log.ids) > 0 then 'finalized'
                    when v_log.state in ('complete', 'error', 'cancelled', 'resolved_manually')
                    then 'already_complete'
                    else 'not_ready' end;
  if v_outcome <> 'not_ready' then
    delete from tasker.finalization_claims as claim where claim.task_id = v_task_id;
    with ended as (
      update tasker.finalization_attempts as attempt
         set ended_at = v_now, outcome = 'finalized'
       where attempt.attempt_uuid = v_claim.attempt_uuid
         and attempt.outcome is null
      returning attempt.claimed_at
    )
    insert into tasker.finalization_events (at, event, seconds)
    select v_now, 'finalized', extract(epoch from v_now - ended.claimed_at) from ended;
  end if;
  return query select p_task_uuid, v_log.state::text, v_outcome = 'finalized', v_outcome;
end;
$$;

comment on function tasker.finalize_task is
'Ends a task whose steps have all ended, under a finalization claim (its token), or without one while nobody holds a claim. message: finalized, already_complete, not_ready. Safe to repeat. Raises TK001 (somebody else holds the claim, or this one is lost), TK002 (unknown task).';
