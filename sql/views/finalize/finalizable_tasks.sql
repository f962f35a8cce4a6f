create or replace view tasker.finalizable_tasks as
select task.task_uuid,
       namespace.name as namespace,
       template.name,
       task.state::text as task_state,
       unfinalized.since,
       claim.processor_id as claimed_by,
       claim.claimed_until
  from tasker.unfinalized_tasks as unfinalized
  join tasker.tasks as task on task.task_id = unfinalized.task_id
  join tasker.task_templates as template on template.template_id = task.template_id
  join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
  left join tasker.finalization_claims as claim on claim.task_id = unfinalized.task_id
 where task.open_sinks = 0
    or not tasker._is_active(task.task_id);

comment on view tasker.finalizable_tasks is
'Tasks whose steps have all ended and that wait for somebody to finalize them (claim_task_for_finalization); the oldest is the most urgent. After an hour the sweep does it.';
comment on column tasker.finalizable_tasks.task_uuid is 'The task.';
comment on column tasker.finalizable_tasks.namespace is 'Its namespace.';
comment on column tasker.finalizable_tasks.name is 'Its template.';
comment on column tasker.finalizable_tasks.task_state is 'in_progress: will be complete; blocked_by_failures: will be in error.';
comment on column tasker.finalizable_tasks.since is 'Since when it waits.';
comment on column tasker.finalizable_tasks.claimed_by is 'The processor that is finalizing it now, if any.';
comment on column tasker.finalizable_tasks.claimed_until is 'When that claim ends by itself.';
