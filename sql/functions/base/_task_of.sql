create or replace function tasker._task_of (p_step_id bigint)
  returns bigint
  language sql
  immutable
return p_step_id >> 20;

comment on function tasker._task_of is 'The task_id in an id.';
