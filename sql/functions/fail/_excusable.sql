create or replace function tasker._excusable (p_token uuid, p_step_ids bigint[])
  returns bigint[]
  language sql
  stable
begin atomic
-- Those of some steps whose lost attempt, of the claim p_token, made a checkpoint, and need not
-- count.
--
-- Calls    _limit
select coalesce(array_agg(saved.step_id), '{}')
  from tasker.checkpoints as saved
 where saved.step_id = any (p_step_ids)
   and saved.token = p_token
   and saved.excused < tasker._limit('attempts_with_progress');
end;

comment on function tasker._excusable is 'Those of some steps whose lost attempt made a checkpoint and need not count.';
