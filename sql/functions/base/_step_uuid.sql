create or replace function tasker._step_uuid (p_task_uuid uuid, p_step_id bigint)
  returns uuid
  language sql
  immutable
begin atomic
-- A step's uuid is its task's with the step number in the low 20 bits.
select (left(p_task_uuid::text, 31) || lpad(to_hex(p_step_id & 1048575), 5, '0'))::uuid;
end;

comment on function tasker._step_uuid is 'The public uuid of a step: its task''s uuid with the step number in the low 20 bits.';
