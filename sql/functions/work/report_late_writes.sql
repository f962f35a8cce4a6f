create or replace function tasker.report_late_writes (
  p_token      uuid,
  p_step_uuids uuid[],
  p_worker     text
)
  returns table (
    step_uuid  uuid,
    attempt    integer,
    cause      text,
    late_by    interval,
    step_state text
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What a worker calls after TK001, when it has rolled back (so a refusal cannot count itself):
-- counts its late writes for the view late_writes. Outcomes that came by queue are counted without
-- it.
--
-- Returns  one row per write that was late; the same rows when repeated
-- Raises   22023 for a bad worker or a number of steps outside 1 to steps_per_call, TK002 for no
--          such step
-- Calls    _note_late_writes
#variable_conflict use_column
declare
  v_step_ids bigint[];
begin
  perform tasker._check_worker(p_worker);
  perform tasker._check_count(cardinality(p_step_uuids), 1, 'steps_per_call');
  v_step_ids := array(select tasker._existing_step_id(id) from unnest(p_step_uuids) as id);
  if p_token is null then
    raise exception 'a token is needed' using errcode = '22023', detail = 'p_token is null';
  end if;
  perform tasker._note_late_writes(p_token, v_step_ids, p_worker, tasker._now());
  return query
  select tasker._step_uuid(task.task_uuid, refused.step_id),
         refused.attempt::integer,
         refused.cause,
         refused.refused_at - refused.lost_at,
         step.state::text
    from tasker.refused_writes as refused
    join tasker.steps as step on step.step_id = refused.step_id
    join tasker.tasks as task on task.task_id = tasker._task_of(refused.step_id)
   where refused.step_id = any (v_step_ids)
     and refused.token = p_token
   order by refused.step_id;
end;
$$;

comment on function tasker.report_late_writes is
'Counts the late writes of a worker whose token was refused (TK001), after it has rolled back: up to steps_per_call steps it had claimed under that token. Returns one row for each that was late, with the attempt that lost the step, why (lease expired, taken over, unknown), how late the write came and the state the step is in; the view late_writes shows who won. Repeating the call counts nothing twice. Raises 22023 (bad argument), TK002 (unknown step).';
