create or replace function tasker._id_of_task (p_task_id bigint)
  returns bigint
  language sql
  immutable
begin atomic
-- The id of a task among those of steps, just before its own.
select p_task_id << 20;
end;

comment on function tasker._id_of_task is 'A task''s id among those of steps: the ids of its steps follow it.';
