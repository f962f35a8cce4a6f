create or replace function tasker._answer (p_step_id bigint)
  returns table (task_uuid uuid, step_state text, task_state text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What a command on a step answers. When a completed step's task has ended since (at another
-- moment, even an earlier one: clocks are set back), the task is shown as it was: a repeated call
-- gives the first answer, save that the task may have been blocked or paused since.
--
-- Returns  one row
#variable_conflict use_column
begin
  return query
  select task.task_uuid,
         step.state::text,
         case
           when step.state in ('complete', 'resolved_manually', 'skipped')
                and task.finished_at <> step.finished_at
             then 'in_progress'
           else task.state::text
         end
    from tasker.steps as step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
   where step.step_id = p_step_id;
end;
$$;

comment on function tasker._answer is 'The answer of a command on a step: task, the step''s state, the task''s state.';
