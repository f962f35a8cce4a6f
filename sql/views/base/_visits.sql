create or replace view tasker._visits as
select step.step_id, step.enqueued_at, step.started_at, step.finished_at as ended_at
  from tasker.steps as step
 union all
select failure.step_id, failure.enqueued_at, failure.started_at, failure.failed_at
  from tasker.step_failures as failure
 union all
select back.step_id, back.enqueued_at, back.started_at, back.slept_at
  from tasker.given_back as back;

comment on view tasker._visits is 'When a step was in a queue and in somebody''s hands: now or last, and each time before.';
comment on column tasker._visits.step_id is 'The step.';
comment on column tasker._visits.enqueued_at is 'When it came into its queue.';
comment on column tasker._visits.started_at is 'When it was claimed.';
comment on column tasker._visits.ended_at is 'When it was finished, failed, or fell asleep; null for an attempt that was given back.';
