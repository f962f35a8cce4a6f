create or replace view tasker.waiting_retries as
select tasker._step_uuid(task.task_uuid, step.step_id) as step_uuid,
       task.task_uuid,
       namespace.name as namespace,
       template.name as task_name,
       template.version,
       link.name,
       step.attempt::integer as attempt,
       link.max_attempts::integer as max_attempts,
       timer.due_at as next_retry_at,
       timer.due_at - tasker._now() as due_in,
       failure.failed_at,
       failure.error
  from tasker.timers as timer
  join tasker.steps as step on step.step_id = timer.step_id
  join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = tasker._step_no(step.step_id)
  join tasker.task_templates as template on template.template_id = task.template_id
  join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
  left join lateral (
       select failure.failed_at, failure.error
         from tasker.step_failures as failure
        where failure.step_id = step.step_id
        order by failure.failed_at desc, failure.failure_id desc
        limit 1
       ) as failure on true
 where step.state = 'waiting_for_retry';

comment on view tasker.waiting_retries is
'Steps whose last attempt failed and that wait for their backoff to end.';
comment on column tasker.waiting_retries.step_uuid is 'The step.';
comment on column tasker.waiting_retries.task_uuid is 'Its task.';
comment on column tasker.waiting_retries.namespace is 'Its task''s namespace.';
comment on column tasker.waiting_retries.task_name is 'Its task''s template.';
comment on column tasker.waiting_retries.version is 'And its version.';
comment on column tasker.waiting_retries.name is 'The step by name.';
comment on column tasker.waiting_retries.attempt is 'The attempt that failed.';
comment on column tasker.waiting_retries.max_attempts is 'How many it has.';
comment on column tasker.waiting_retries.next_retry_at is 'When it goes back into its queue.';
comment on column tasker.waiting_retries.due_in is 'How long until then; less than nothing: the next sweep enqueues it.';
comment on column tasker.waiting_retries.failed_at is 'When the attempt failed.';
comment on column tasker.waiting_retries.error is 'Why.';
