create or replace function tasker._is_entered (p_steps jsonb)
  returns boolean
  language sql
  immutable
begin atomic
-- Whether the first steps of a task enter by the gate: its template is gated, or one of them waits.
--
-- Calls    _is_gated, _enters
select tasker._is_gated(p_steps) or exists (
         select from jsonb_array_elements(p_steps) as step
          where tasker._enters(step) and coalesce(step -> 'dependencies', '[]') = '[]');
end;

comment on function tasker._is_entered is 'Whether the first steps of a task enter by the gate.';
