create or replace function tasker._outcome (p_state tasker.step_state, p_on_error text)
  returns text
  language sql
  immutable
begin atomic
-- What the end of a step means for those behind it.
--
-- Returns  done, skipped or failed; null while it is open, and when it was cancelled
select case
  when p_state in ('complete', 'resolved_manually')
       or p_state = 'error' and p_on_error = 'continue' then 'done'
  when p_state = 'skipped' then 'skipped'
  when p_state in ('error', 'upstream_failed') then 'failed'
end;
end;

comment on function tasker._outcome is 'What the end of a step means for those behind it: done, skipped or failed.';
