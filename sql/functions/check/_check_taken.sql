create or replace function tasker._check_taken (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- Signals against the waits that take them: none is lost, and none is taken beyond what is wanted.
--
-- Returns  the violations; id is a step_id
-- Calls    _wait_end
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
  v_now   constant timestamptz := tasker._now();
begin
  return query
  select 'a step takes no more signals than it wants, of its own task', 'safety', signal.taken_by,
         format('%s of %s', count(*), max((link.features #>> '{wait,count}')::integer))
    from tasker.signals as signal
    left join tasker.steps as step on step.step_id = signal.taken_by
    left join tasker.template_steps as link on link.template_id = step.template_id
                                           and link.step_no = tasker._step_no(step.step_id)
   where signal.taken_by > v_first
     and signal.taken_by < v_last
     and signal.spent is null
   group by signal.taken_by
  having coalesce(count(*) > max((link.features #>> '{wait,count}')::integer), true)
      or bool_or(signal.task_id <> tasker._task_of(signal.taken_by))
  union all
  select 'a wait that could end has ended', 'convergence', wait.step_id,
         format('for %s since %s', wait.kind, wait.opened_at)
    from tasker.waits as wait
    join tasker.steps as step on step.step_id = wait.step_id
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   where wait.step_id > v_first
     and wait.step_id < v_last
     and wait.kind = 'signal'
     and exists (select from tasker.signals as signal
                  where signal.task_id = tasker._task_of(wait.step_id)
                    and (signal.taken_by is null and signal.name = any (wait.names)
                         or signal.taken_by = wait.step_id and signal.spent is null))
     and (exists (select from tasker.signals as signal
                   where signal.task_id = tasker._task_of(wait.step_id)
                     and signal.taken_by is null
                     and signal.name = any (wait.names))
          or (tasker._wait_end(wait, link.features, v_now)).state is not null);
end;
$$;

comment on function tasker._check_taken is 'check_invariants: signals against the waits that take them.';
