create or replace function tasker._process_submission (
  p_submission_id bigint,
  p_now           timestamptz,
  out completed   integer,
  out failed      integer
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies one submission, once. Steps that were cancelled or settled since are left out.
--
-- Returns  how many steps were completed and failed; nulls when it was applied before,
--          or is just being
-- Locks    the submission, the steps, their children, their tasks
-- Calls    _note_late_writes, _finish, _record
declare
  v_submission tasker.submissions%rowtype;
  v_held       bigint[];
  v_failures   jsonb;
  v_log        record;
begin
  delete from tasker.submissions as submission
   where submission.submission_id = (
           select free.submission_id from tasker.submissions as free
            where free.submission_id = p_submission_id
              for update skip locked)
  returning submission.* into v_submission;
  if not found then
    return;
  end if;
  v_held := array(
    select step.step_id from tasker.steps as step
     where step.step_id = any (v_submission.step_ids)
       and step.claim_token = v_submission.token
       and step.state = 'in_progress'
     order by step.step_id
       for no key update);
  if cardinality(v_held) < cardinality(v_submission.step_ids) then
    perform tasker._note_late_writes(v_submission.token, v_submission.step_ids,
                                     v_submission.worker, p_now);
  end if;
  v_failures := coalesce(
    (select jsonb_agg(failure order by failure -> 'step_id')
       from jsonb_array_elements(v_submission.failures) as failure
      where (failure ->> 'step_id')::bigint = any (v_held)),
    '[]');
  v_held := array(
    select id from unnest(v_held) as id
     where not exists (select from jsonb_array_elements(v_submission.failures) as failure
                        where (failure ->> 'step_id')::bigint = id)
     order by id);
  v_log := tasker._finish(v_submission.token, v_submission.worker, v_held, '{}', v_failures, p_now);
  perform tasker._record(v_log.ids, v_log.changes, v_submission.worker, null, p_now);
  completed := cardinality(v_held);
  failed    := jsonb_array_length(v_failures);
end;
$$;

comment on function tasker._process_submission is 'Applies one submission, once. Returns how many steps were completed and failed.';
