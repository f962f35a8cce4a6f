create or replace function tasker.get_task_steps (p_task_uuid uuid)
  returns table (
    step_uuid uuid, name text, description text, namespace text, handler text, state text,
    attempt integer, max_attempts integer, parents text[], waiting_parents integer, worker text,
    lease_until timestamptz, result jsonb, last_error jsonb, last_failure_at timestamptz,
    next_retry_at timestamptz, enqueued_at timestamptz, started_at timestamptz,
    finished_at timestamptz
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- The steps of a task with what happened to them.
--
-- Returns  one row per step, in step order (parents first)
-- Raises   TK002 unknown task, 22023 null
-- Calls    _task_id
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
begin
  return query
  select tasker._step_uuid(p_task_uuid, step.step_id),
         link.name,
         link.description,
         namespace.name,
         link.handler,
         step.state::text,
         step.attempt::integer,
         link.max_attempts::integer,
         link.parent_names,
         step.waiting_parents,
         coalesce(claim.worker, submission.worker),
         claim.lease_until,
         step.result,
         failure.error,
         failure.failed_at,
         case when step.state = 'waiting_for_retry' then timer.due_at end,
         step.enqueued_at,
         step.started_at,
         step.finished_at
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
    join tasker.namespaces as namespace on namespace.namespace_id = link.namespace_id
    left join tasker.timers as timer on timer.step_id = step.step_id
    left join tasker.claims as claim on claim.token = step.claim_token
                                    and step.state = 'in_progress'
                                    and step.step_id = any (claim.step_ids)
    left join tasker.submissions as submission on submission.token = step.claim_token
                                              and step.state = 'in_progress'
                                              and step.step_id = any (submission.step_ids)
    left join lateral (
         select failure.error, failure.failed_at
           from tasker.step_failures as failure
          where failure.step_id = step.step_id
          order by failure.failed_at desc, failure.failure_id desc
          limit 1
         ) as failure on true
   where step.step_id > tasker._id_of_task(v_task_id)
     and step.step_id < tasker._id_of_task(v_task_id + 1)
   order by step.step_id;
end;
$$;

comment on function tasker.get_task_steps is
'The steps of a task, parents first: state, attempts, its parents'' names and how many it still waits for, the worker that has it (lease_until is null when its outcome was submitted and waits to be processed), result, last error, times. Raises TK002 (unknown task), 22023 (null).';
