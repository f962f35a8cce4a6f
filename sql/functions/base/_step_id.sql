create or replace function tasker._step_id (p_step_uuid uuid)
  returns bigint
  language sql
  immutable
begin atomic
-- The step_id that a step's uuid carries in its low 62 bits; of a task's uuid, the task's
-- (step_no 0).
select ('x' || encode(substring(uuid_send(p_step_uuid) from 9), 'hex'))::bit(64)::bigint
       & 4611686018427387903;
end;

comment on function tasker._step_id is 'The step_id (task_id << 20 | step_no) inside a step''s or task''s uuid. Pure arithmetic: says nothing about existence.';
