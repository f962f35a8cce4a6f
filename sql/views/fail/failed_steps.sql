create or replace view tasker.failed_steps as
select tasker._step_uuid(task.task_uuid, dead.step_id) as step_uuid,
       task.task_uuid,
       namespace.name as namespace,
       template.name as task_name,
       template.version,
       link.name,
       task.state::text as task_state,
       failure.attempt::integer as attempt,
       link.max_attempts::integer as max_attempts,
       dead.retryable,
       dead.failed_at,
       failure.worker,
       failure.error
  from tasker.dead_steps as dead
  join tasker.tasks as task on task.task_id = tasker._task_of(dead.step_id)
                           and dead.step_id > tasker._id_of_task(task.task_id)
                           and dead.step_id < tasker._id_of_task(task.task_id + 1)
  join tasker.template_steps as link on link.template_id = dead.template_id
                                    and link.step_no = tasker._step_no(dead.step_id)
  join tasker.task_templates as template on template.template_id = task.template_id
  join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
 cross join lateral (
       select failure.attempt, failure.worker, failure.error
         from tasker.step_failures as failure
        where failure.step_id = dead.step_id
        order by failure.failure_id desc
        limit 1
       ) as failure;

comment on view tasker.failed_steps is
'Steps in error (dead letters): what failed for good and waits for an operator (retry_step, resolve_step, complete_step_manually), also in tasks that ended. dead_letters groups them.';
comment on column tasker.failed_steps.step_uuid is 'The step.';
comment on column tasker.failed_steps.task_uuid is 'Its task.';
comment on column tasker.failed_steps.namespace is 'Its task''s namespace.';
comment on column tasker.failed_steps.task_name is 'Its task''s template.';
comment on column tasker.failed_steps.version is 'And its version.';
comment on column tasker.failed_steps.name is 'The step by name.';
comment on column tasker.failed_steps.task_state is 'blocked_by_failures: other steps may still run; error: the task has ended.';
comment on column tasker.failed_steps.attempt is 'The attempt that failed last.';
comment on column tasker.failed_steps.max_attempts is 'How many it had.';
comment on column tasker.failed_steps.retryable is 'False: its handler said that another attempt is useless.';
comment on column tasker.failed_steps.failed_at is 'When.';
comment on column tasker.failed_steps.worker is 'Who ran it.';
comment on column tasker.failed_steps.error is 'Why.';
