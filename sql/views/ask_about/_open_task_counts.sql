create or replace view tasker._open_task_counts as
select open.task_id,
       count.total,
       count.done,
       count.running,
       count.enqueued,
       count.waiting,
       count.pending,
       count.failed,
       count.moved_at
  from tasker.open_tasks as open
 cross join lateral (
       select count(*)::integer as total,
              (count(*) filter (where tasker._satisfies(step.state)))::integer as done,
              (count(*) filter (where step.state = 'in_progress'))::integer as running,
              (count(*) filter (where step.state = 'enqueued'))::integer as enqueued,
              (count(*) filter (where step.state = 'waiting_for_retry'))::integer as waiting,
              (count(*) filter (where step.state = 'pending'))::integer as pending,
              (count(*) filter (where step.state = 'error'))::integer as failed,
              max(greatest(step.enqueued_at, step.started_at, step.finished_at)) as moved_at
         from tasker.steps as step
        where step.step_id > tasker._id_of_task(open.task_id)
          and step.step_id < tasker._id_of_task(open.task_id + 1)
       ) as count;

comment on view tasker._open_task_counts is 'The steps of each open task by state.';
comment on column tasker._open_task_counts.task_id is 'The task.';
comment on column tasker._open_task_counts.total is 'All.';
comment on column tasker._open_task_counts.done is 'Complete, resolved_manually or skipped.';
comment on column tasker._open_task_counts.running is 'In progress.';
comment on column tasker._open_task_counts.enqueued is 'Enqueued.';
comment on column tasker._open_task_counts.waiting is 'Waiting for a retry.';
comment on column tasker._open_task_counts.pending is 'Waiting for others, or for run_at.';
comment on column tasker._open_task_counts.failed is 'In error.';
comment on column tasker._open_task_counts.moved_at is 'When one of them was last enqueued, claimed or finished.';
