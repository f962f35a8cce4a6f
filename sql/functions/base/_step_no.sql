create or replace function tasker._step_no (p_step_id bigint)
  returns integer
  language sql
  immutable
begin atomic
-- Its number in the template; 0 when the id is a task's own.
select (p_step_id & 1048575)::integer;
end;

comment on function tasker._step_no is 'The step_no in an id; 0 when it is a task''s.';
