create or replace view tasker.ready_steps as
select tasker._step_uuid(task.task_uuid, step.step_id) as step_uuid,
       task.task_uuid,
       claimable.name as namespace,
       template.name as task_name,
       template.version,
       link.name,
       link.handler,
       tasker._priority_name(step.priority) as priority,
       step.attempt + 1 as attempt,
       link.max_attempts::integer as max_attempts,
       step.enqueued_at,
       tasker._now() - step.enqueued_at as waited,
       task.paused_at is not null
         or template.paused_at is not null
         or claimable.paused_at is not null as paused
  from tasker.open_tasks as open
 cross join lateral (
       select * from tasker.tasks as task where task.task_id = open.task_id limit 1) as task
 cross join lateral (
       select * from tasker.task_templates as template
        where template.template_id = task.template_id limit 1) as template
 cross join lateral (
       select step.step_id, step.template_id, step.priority, step.attempt, step.enqueued_at
         from tasker.steps as step
        where step.step_id > tasker._id_of_task(task.task_id)
          and step.step_id < tasker._id_of_task(task.task_id + 1)
          and step.state = 'enqueued'
        order by step.step_id
       ) as step
 cross join lateral (
       select * from tasker.template_steps as link
        where link.template_id = step.template_id
          and link.step_no = tasker._step_no(step.step_id) limit 1) as link
 cross join lateral (
       select * from tasker.namespaces as namespace
        where namespace.namespace_id = link.namespace_id limit 1) as claimable;

comment on view tasker.ready_steps is
'Steps that wait in a queue for a worker: the enqueued steps of open tasks, task by task: with a limit, no more is read than is shown.';
comment on column tasker.ready_steps.step_uuid is 'The step.';
comment on column tasker.ready_steps.task_uuid is 'Its task.';
comment on column tasker.ready_steps.namespace is 'The namespace whose workers get it.';
comment on column tasker.ready_steps.task_name is 'Its task''s template.';
comment on column tasker.ready_steps.version is 'And its version.';
comment on column tasker.ready_steps.name is 'The step by name.';
comment on column tasker.ready_steps.handler is 'What will run.';
comment on column tasker.ready_steps.priority is 'high, normal or low.';
comment on column tasker.ready_steps.attempt is 'Which attempt this will be.';
comment on column tasker.ready_steps.max_attempts is 'How many it has.';
comment on column tasker.ready_steps.enqueued_at is 'Since when it waits.';
comment on column tasker.ready_steps.waited is 'How long.';
comment on column tasker.ready_steps.paused is 'Its task, template or namespace is paused: nobody gets it.';
