create or replace function tasker._give_back_rest (p_token uuid, p_rows integer)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Gives the steps of a new claim back that did not fit into its answer: all but the first p_rows.
-- Their attempt does not count.
--
-- Locks    the claim, the steps
-- Calls    _step_uuid, release_claim
begin
  perform from tasker.release_claim(p_token, array(
    select tasker._step_uuid(task.task_uuid, step.step_id)
      from tasker.claims as claim
     cross join unnest(claim.step_ids) as own (step_id)
      join tasker.steps as step on step.step_id = own.step_id
      join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
     where claim.token = p_token
       and step.claim_token = p_token
       and step.state = 'in_progress'
     order by step.step_id
    offset p_rows));
end;
$$;

comment on function tasker._give_back_rest is 'Gives the steps of a new claim back that did not fit into its answer.';
