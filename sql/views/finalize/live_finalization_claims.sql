create or replace view tasker.live_finalization_claims as
select task.task_uuid,
       namespace.name as namespace,
       template.name,
       task.state::text as task_state,
       claim.processor_id,
       claim.claimed_at,
       claim.claimed_until,
       claim.claimed_until < tasker._now() as is_expired
  from tasker.finalization_claims as claim
  join tasker.tasks as task on task.task_id = claim.task_id
  join tasker.task_templates as template on template.template_id = task.template_id
  join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id;

comment on view tasker.live_finalization_claims is
'Who is finalizing which task now. (The attempt''s uuid is left out: anybody who knows it can finalize the task.)';
comment on column tasker.live_finalization_claims.task_uuid is 'The task.';
comment on column tasker.live_finalization_claims.namespace is 'Its namespace.';
comment on column tasker.live_finalization_claims.name is 'Its template.';
comment on column tasker.live_finalization_claims.task_state is 'Its state.';
comment on column tasker.live_finalization_claims.processor_id is 'Who holds the claim.';
comment on column tasker.live_finalization_claims.claimed_at is 'Since when.';
comment on column tasker.live_finalization_claims.claimed_until is 'When it ends unless it is extended.';
comment on column tasker.live_finalization_claims.is_expired is 'Its time is over; others may claim the task.';
