create or replace function tasker._is_active (p_task_id bigint)
  returns boolean
  language sql
  stable
begin atomic
-- Can any step of the task still move by itself? (A pending step that waits for nobody waits for a
-- timer; one whose last parents are yet to be counted may be about to run.)
select exists (
  select
    from tasker.steps as step
   where step.step_id > tasker._id_of_task(p_task_id)
     and step.step_id < tasker._id_of_task(p_task_id + 1)
     and (step.state in ('enqueued', 'in_progress', 'waiting_for_retry', 'waiting')
          or step.state = 'pending' and step.waiting_parents = 0)
) or exists (
  select
    from tasker.deferred_decrements as deferred
   where deferred.step_id > tasker._id_of_task(p_task_id)
     and deferred.step_id < tasker._id_of_task(p_task_id + 1)
);
end;

comment on function tasker._is_active is 'Whether any step of the task is queued, claimed, waiting, or has its time to come.';
