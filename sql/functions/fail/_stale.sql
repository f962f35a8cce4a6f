create or replace function tasker._stale (p_token uuid, p_step_ids bigint[])
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Refuses a call whose token does not hold its steps, and says what happened to each: in words in
-- the detail, and for programs in the field `constraint`, of the first step that was taken away.
--
-- Raises   22023 for a null, TK002 when a step does not exist, TK001 otherwise
-- Calls    _fates
declare
  v_detail text;
  v_reason text;
begin
  if p_token is null or p_step_ids is null or array_position(p_step_ids, null) is not null then
    raise exception 'a step and the token of its claim are needed'
      using errcode = '22023',
            detail  = format('token %s, step %s',
                             coalesce(p_token::text, 'null'),
                             coalesce(p_step_ids::text, 'null'));
  end if;
  if exists (select from unnest(p_step_ids) as wanted (step_id)
              where not exists (select from tasker.steps as step
                                 where step.step_id = wanted.step_id)) then
    raise exception 'step not found'
      using errcode = 'TK002',
            hint    = 'A step_uuid comes from claim_steps or get_step_readiness_status.';
  end if;
  select string_agg(format('%s is %s, attempt %s',
                           tasker._step_uuid(task.task_uuid, step.step_id),
                           step.state,
                           step.attempt),
                    '; ' order by step.step_id)
    into v_detail
    from tasker.steps as step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
   where step.step_id = any (p_step_ids[1:20])
     and (step.claim_token is distinct from p_token or step.state <> 'in_progress');
  select fate.fate into v_reason
    from tasker._fates(p_token, p_step_ids) as fate
   where fate.fate <> 'held'
   order by fate.fate = 'finished', fate.step_id
   limit 1;
  raise exception 'stale claim: the token does not hold the step'
    using errcode = 'TK001',
          constraint = coalesce(v_reason, 'unknown'),
          detail = coalesce(v_detail, 'its outcome was submitted and waits to be processed'),
          hint = 'The lease ran out, the task was cancelled, or an operator took over. '
                    'Roll back, and drop the result.';
end;
$$;

comment on function tasker._stale is 'Refuses a call whose token does not hold its steps (TK001), saying what happened to each, and in the field constraint why.';
