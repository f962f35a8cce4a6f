create or replace function tasker._is_left (p_task_id bigint, p_name text)
  returns boolean
  language sql
  stable
begin atomic
-- Whether nobody will take a signal of this name that is stored: no open step waits for it.
select not exists (
         select from tasker.tasks as task
           join tasker.template_waits as wait on wait.template_id = task.template_id
                                             and wait.name = p_name
           join tasker.steps as step on step.step_id = tasker._id_of_task(p_task_id) + wait.step_no
          where task.task_id = p_task_id
            and step.finished_at is null);
end;

comment on function tasker._is_left is 'Whether nobody will take a signal of this name that is stored.';
