create or replace function tasker._task_of (p_step_id bigint)
  returns bigint
  language sql
  immutable
begin atomic
-- Whose step it is; of a task's own id, the task.
select p_step_id >> 20;
end;

comment on function tasker._task_of is 'The task_id in an id.';
