create or replace view tasker.stuck_tasks as
select head.task_uuid,
       head.namespace,
       head.name,
       head.version,
       head.state::text as state,
       stuck.reason,
       idle.since as last_moved_at,
       idle.time as stuck_for
  from (select task.task_id, task.task_uuid, task.state, task.created_at,
               task.pause_reason as task_pause,
               template.name, template.version, template.pause_reason as template_pause,
               namespace.name as namespace, namespace.pause_reason as namespace_pause,
               sum(template.step_count) over (order by open.task_id) - template.step_count as before
          from (select task_id from tasker.open_tasks order by task_id limit 200) as open
         cross join lateral (
               select * from tasker.tasks as task where task.task_id = open.task_id limit 1) as task
         cross join lateral (
               select * from tasker.task_templates as template
                where template.template_id = task.template_id limit 1) as template
         cross join lateral (
               select * from tasker.namespaces as namespace
                where namespace.namespace_id = template.namespace_id limit 1) as namespace
       ) as head
 cross join lateral (
       select * from tasker._open_task_counts as count
        where count.task_id = head.task_id limit 1) as count
 cross join lateral (
       select coalesce(count.moved_at, head.created_at) as since,
              tasker._now() - coalesce(count.moved_at, head.created_at) as time
       offset 0
       ) as idle
 cross join lateral (
       select min(timer.due_at) as due_at
         from (select timer.due_at
                 from tasker.timers as timer
                where timer.step_id > tasker._id_of_task(head.task_id)
                  and timer.step_id < tasker._id_of_task(head.task_id + 1)
               offset 0) as timer
       ) as timer
 cross join lateral (
       select case
                when timer.due_at < tasker._now() - tasker._recovery_grace()
                  then 'a timer is overdue: does anybody call sweep()?'
                when count.done = count.total and idle.time > tasker._recovery_grace()
                  then 'all steps are done: waits for an external processor to finalize it'
                when count.failed > 0
                     and count.enqueued + count.running = 0
                     and timer.due_at is null
                     and idle.time > tasker._recovery_grace()
                  then 'blocked by failed steps and not ended: does anybody call sweep()?'
                when idle.time <= interval '10 minutes' or timer.due_at is not null
                     or exists (select from tasker.waits as wait
                                 where wait.step_id > tasker._id_of_task(head.task_id)
                                   and wait.step_id < tasker._id_of_task(head.task_id + 1))
                  then null
                when head.task_pause is not null
                  then 'the task is paused: ' || head.task_pause
                when head.template_pause is not null
                  then 'its template is paused: ' || head.template_pause
                when head.namespace_pause is not null
                  then 'its namespace is paused: ' || head.namespace_pause
                when count.running > 0
                  then 'a worker has had one of its steps for more than ten minutes'
                when count.enqueued > 0
                  then 'nobody has taken its enqueued steps for more than ten minutes'
                else 'nothing in it can move: see check_invariants'
              end as reason
       ) as stuck
 where head.before < 3000
   and stuck.reason is not null;

comment on view tasker.stuck_tasks is
'Open tasks that should have ended, or in which nothing has moved for ten minutes, each with the reason. Tasks that wait for a retry, for run_at or for what a step waits for are not stuck. Looks at the oldest 200 open tasks, and at no more after 3,000 steps of them.';
comment on column tasker.stuck_tasks.task_uuid is 'The task.';
comment on column tasker.stuck_tasks.namespace is 'Its namespace.';
comment on column tasker.stuck_tasks.name is 'Its template.';
comment on column tasker.stuck_tasks.version is 'And its version.';
comment on column tasker.stuck_tasks.state is 'Its state.';
comment on column tasker.stuck_tasks.reason is 'What it waits for.';
comment on column tasker.stuck_tasks.last_moved_at is 'When one of its steps was last enqueued, claimed or finished.';
comment on column tasker.stuck_tasks.stuck_for is 'How long ago that was.';
