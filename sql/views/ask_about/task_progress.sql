create or replace view tasker.task_progress as
select task.task_uuid,
       namespace.name as namespace,
       template.name,
       template.version,
       task.state::text as state,
       tasker._priority_name(task.priority) as priority,
       task.paused_at is not null
         or template.paused_at is not null
         or namespace.paused_at is not null as paused,
       task.created_at,
       task.started_at,
       count.total as total_steps,
       count.done as completed_steps,
       count.running as in_progress_steps,
       count.enqueued as enqueued_steps,
       count.waiting as waiting_for_retry_steps,
       count.pending as pending_steps,
       count.failed as failed_steps,
       round(100.0 * count.done / count.total, 2) as completion_percentage,
       count.moved_at as last_moved_at
  from tasker._open_task_counts as count
 cross join lateral (
       select * from tasker.tasks as task where task.task_id = count.task_id limit 1) as task
 cross join lateral (
       select * from tasker.task_templates as template
        where template.template_id = task.template_id limit 1) as template
 cross join lateral (
       select * from tasker.namespaces as namespace
        where namespace.namespace_id = template.namespace_id limit 1) as namespace;

comment on view tasker.task_progress is 'How far each open task has come, task by task: with a limit, no more is read than is shown.';
comment on column tasker.task_progress.task_uuid is 'The task.';
comment on column tasker.task_progress.namespace is 'Its namespace.';
comment on column tasker.task_progress.name is 'Its template.';
comment on column tasker.task_progress.version is 'And its version.';
comment on column tasker.task_progress.state is 'Its state.';
comment on column tasker.task_progress.priority is 'high, normal or low.';
comment on column tasker.task_progress.paused is 'It, its template or its namespace is paused.';
comment on column tasker.task_progress.created_at is 'When it was created.';
comment on column tasker.task_progress.started_at is 'When its first step was claimed.';
comment on column tasker.task_progress.total_steps is 'Steps it has.';
comment on column tasker.task_progress.completed_steps is 'Those complete, resolved or skipped.';
comment on column tasker.task_progress.in_progress_steps is 'Those that a worker has.';
comment on column tasker.task_progress.enqueued_steps is 'Those in a queue.';
comment on column tasker.task_progress.waiting_for_retry_steps is 'Those that wait for their backoff.';
comment on column tasker.task_progress.pending_steps is 'Those that wait for others, or for run_at.';
comment on column tasker.task_progress.failed_steps is 'Those in error.';
comment on column tasker.task_progress.completion_percentage is 'Completed of all.';
comment on column tasker.task_progress.last_moved_at is 'When one of its steps was last enqueued, claimed or finished.';
