create or replace function tasker.check_invariants (p_task_uuid uuid default null)
  returns table (invariant text, severity text, task_uuid uuid, step_uuid uuid, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
  set jit = off
as $$
-- Compares the tables, the queues and the history with what must hold, for one task or for
-- everything.
--
-- Returns  one row per violation; none when all is well
-- Raises   TK002 unknown task
-- Calls    _task_id, _check_states, _check_counters, _check_history, _check_claims, _check_timers,
--          _check_waits, _check_taken, _check_deadlines, _check_dead_steps, _check_decisions,
--          _check_checkpoints, _check_finalization, _check_messages, _check_queues,
--          _check_schedules
#variable_conflict use_column
declare
  v_task_id constant bigint := case when p_task_uuid is not null
                                    then tasker._task_id(p_task_uuid) end;
begin
  return query
  select violation.invariant,
         violation.severity,
         task.task_uuid,
         case when tasker._step_no(violation.id) <> 0
              then tasker._step_uuid(task.task_uuid, violation.id) end,
         violation.detail
    from (select * from tasker._check_states(v_task_id)
          union all select * from tasker._check_counters(v_task_id)
          union all select * from tasker._check_history(v_task_id)
          union all select * from tasker._check_claims(v_task_id)
          union all select * from tasker._check_timers(v_task_id)
          union all select * from tasker._check_waits(v_task_id)
          union all select * from tasker._check_taken(v_task_id)
          union all select * from tasker._check_deadlines(v_task_id)
          union all select * from tasker._check_dead_steps(v_task_id)
          union all select * from tasker._check_decisions(v_task_id)
          union all select * from tasker._check_checkpoints(v_task_id)
          union all select * from tasker._check_finalization(v_task_id)
          union all select * from tasker._check_messages(v_task_id)
          union all select * from tasker._check_queues(v_task_id)
          union all select * from tasker._check_schedules(v_task_id)) as violation
    left join tasker.tasks as task on task.task_id = tasker._task_of(violation.id)
   order by violation.severity desc, violation.invariant, violation.id;
end;
$$;

comment on function tasker.check_invariants is
'What is wrong in the database, for one task or (null) for everything: one row per violation, none when all is well. severity safety: may never be seen in any committed snapshot. severity convergence: something lies longer than 60 seconds that a sweep should have dealt with, so either nobody calls sweep(), or it fails. Of one task, reads its rows, its history and the first 10000 messages of its queues; of everything, reads everything, history included: seconds for 200,000 steps. Raises TK002 (unknown task).';
