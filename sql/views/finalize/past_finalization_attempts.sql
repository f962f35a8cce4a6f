create or replace view tasker.past_finalization_attempts as
select task.task_uuid,
       attempt.attempt_uuid as finalization_attempt_uuid,
       attempt.processor_id,
       attempt.claimed_at,
       attempt.ended_at,
       attempt.outcome,
       attempt.reason
  from tasker.finalization_attempts as attempt
  left join tasker.tasks as task on task.task_id = attempt.task_id
 where attempt.ended_at is not null;

comment on view tasker.past_finalization_attempts is
'Every finalization claim that has ended, and how, or that was refused, and why. Ask for one task, or for those since a moment.';
comment on column tasker.past_finalization_attempts.task_uuid is 'The task; null when there is none (not_found).';
comment on column tasker.past_finalization_attempts.finalization_attempt_uuid is 'The attempt, as claim_task_for_finalization returned it, unless it refused.';
comment on column tasker.past_finalization_attempts.processor_id is 'Who held the claim, or asked for it.';
comment on column tasker.past_finalization_attempts.claimed_at is 'From when.';
comment on column tasker.past_finalization_attempts.ended_at is 'Until when.';
comment on column tasker.past_finalization_attempts.outcome is 'finalized, released, expired or refused.';
comment on column tasker.past_finalization_attempts.reason is 'Why it was refused: already_claimed, already_complete, not_ready or not_found.';
