create or replace function tasker._enters (p_step jsonb)
  returns boolean
  language sql
  immutable
begin atomic
-- Whether something else than enqueueing it is to be done with a step of a plain template when its
-- parents are done. Then it enters by the gate.
select p_step ?| '{wait,start_within,finish_within}';
end;

comment on function tasker._enters is 'Whether a step of a plain template enters by the gate.';
