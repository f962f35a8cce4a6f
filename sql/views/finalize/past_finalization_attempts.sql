create or replace view tasker.past_finalization_attempts as
select task.task_uuid,
       attempt.attempt_uuid as finalization_attempt_uuid,
       attempt.processor_id,
       attempt.claimed_at,
       attempt.ended_at,
       attempt.outcome
  from tasker.finalization_attempts as attempt
  join tasker.tasks as task on task.task_id = attempt.task_id
 where attempt.ended_at is not null;

comment on view tasker.past_finalization_attempts is
'Every finalization claim that has ended, and how. Ask for one task, or for those since a moment.';
comment on column tasker.past_finalization_attempts.task_uuid is 'The task.';
comment on column tasker.past_finalization_attempts.finalization_attempt_uuid is 'The attempt, as claim_task_for_finalization returned it.';
comment on column tasker.past_finalization_attempts.processor_id is 'Who held the claim.';
comment on column tasker.past_finalization_attempts.claimed_at is 'From when.';
comment on column tasker.past_finalization_attempts.ended_at is 'Until when.';
comment on column tasker.past_finalization_attempts.outcome is 'finalized, released, expired, or not_ready.';
