create or replace function tasker._id_of_task (p_task_id bigint)
  returns bigint
  language sql
  immutable
return p_task_id << 20;

comment on function tasker._id_of_task is 'A task''s id among those of steps: the ids of its steps follow it.';
