create or replace function tasker._recovery_grace ()
  returns interval
  language sql
  immutable
begin atomic
-- How long something may lie before it counts as forgotten. A sweep a second needs much less; two
-- clocks that differ, and calls that overlap, stay within it too.
select interval '60 seconds';
end;

comment on function tasker._recovery_grace is 'How long recovery may take before check_invariants calls it a violation (60 s).';
