create or replace function tasker.task_results (p_task_uuid uuid)
  returns table (name text, state text, result jsonb, error jsonb, is_last boolean)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- The results of a task's steps. What a task was asked for is in its last steps, on which no
-- other depends.
--
-- Returns  one row per step, parents first
-- Raises   TK002 unknown task, 22023 null
-- Calls    _task_id
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
begin
  return query
  select link.name,
         step.state::text,
         step.result,
         case when step.state in ('error', 'waiting_for_retry')
              then (select failure.error
                      from tasker.step_failures as failure
                     where failure.step_id = step.step_id
                     order by failure.failure_id desc
                     limit 1) end,
         link.children = '{0}'
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   where step.step_id > tasker._id_of_task(v_task_id)
     and step.step_id < tasker._id_of_task(v_task_id + 1)
   order by step.step_id;
end;
$$;

comment on function tasker.task_results is
'The results of a task''s steps, dependencies first: the state of each, its result (null is none) and, of one that failed, its last error. is_last marks those on which no other depends: what the task was asked for. wait_task waits for the end. Raises TK002 (unknown task), 22023 (null).';
