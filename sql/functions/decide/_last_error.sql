create or replace function tasker._last_error (p_step_id bigint)
  returns jsonb
  language sql
  stable
begin atomic
-- Why a step failed, or was skipped after its last attempt.
--
-- Returns  the error; null for none
select failure.error
  from tasker.step_failures as failure
 where failure.step_id = p_step_id
 order by failure.failure_id desc
 limit 1;
end;

comment on function tasker._last_error is 'The error of a step''s last failure.';
