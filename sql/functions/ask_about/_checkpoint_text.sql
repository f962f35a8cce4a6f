create or replace function tasker._checkpoint_text (p_step_id bigint, p_now timestamptz)
  returns text
  language sql
  stable
begin atomic
-- How far a step has got, to stand at the end of a reason.
--
-- Returns  nothing for a step without a checkpoint
-- Calls    _ago
select coalesce((select format('; checkpoint %s, %s ago', saved.number,
                               tasker._ago(p_now - saved.saved_at))
                   from tasker.checkpoints as saved
                  where saved.step_id = p_step_id), '');
end;

comment on function tasker._checkpoint_text is 'How far a step has got, to stand at the end of a reason.';
