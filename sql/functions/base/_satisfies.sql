create or replace function tasker._satisfies (p_state tasker.step_state)
  returns boolean
  language sql
  immutable
begin atomic
-- Does a parent in this state let its children run? An error does not: the task ends, or an
-- operator retries or resolves the parent. A cancelled parent has a cancelled task.
select p_state in ('complete', 'resolved_manually', 'skipped');
end;

comment on function tasker._satisfies is 'Whether a parent in this state lets its children run (complete, resolved_manually, skipped).';
