create or replace function tasker._task_uuid (p_step_uuid uuid)
  returns uuid
  language sql
  immutable
begin atomic
-- A task's uuid is its steps' with the low 20 bits zero.
select (left(p_step_uuid::text, 31) || '00000')::uuid;
end;

comment on function tasker._task_uuid is 'The uuid of the task that a step''s uuid belongs to.';
