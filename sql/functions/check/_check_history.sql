create or replace function tasker._check_history (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
  set work_mem = '64MB'
as $$
-- History against the state chart and the rows: only legal changes, each from where the last one
-- led to, the first one from the beginning, the last one to the state that the row has. A step that
-- a worker finished keeps its token; one that was finished by hand has none, and history has a
-- reason.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
-- Calls    _history
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(coalesce(p_task_id, 0));
  v_last  constant bigint := tasker._id_of_task(coalesce(p_task_id, 4398046511103) + 1);
begin
  return query
  with entry as materialized (
    select step.step_id as id, step.state::text as state,
           step.claim_token is not null and step.started_at is not null as by_token
      from tasker.steps as step
     where step.step_id > v_first and step.step_id < v_last
    union all
    select tasker._id_of_task(task.task_id), task.state::text, true
      from tasker.tasks as task
     where task.task_id >= tasker._task_of(v_first) and task.task_id < tasker._task_of(v_last)
  ),
  change as materialized (
    select change.id,
           change.change,
           change.reason is null as no_reason,
           legal.from_state,
           legal.to_state,
           lag(legal.to_state, 1, case when tasker._step_no(change.id) <> 0 then 'pending' end)
             over chain as previous,
           lead(change.id) over chain is null as is_last
      from (select * from tasker._changes where p_task_id is null
             union all
            select * from tasker._history(p_task_id) where p_task_id is not null) as change
      left join tasker.legal_transitions as legal on legal.transition = change.change
    window chain as (partition by change.id order by change.transition_id, change.position)
  )
  select case
           when change.to_state is null then 'only legal transitions'
           else 'history is an unbroken chain'
         end,
         'safety',
         change.id,
         format('%s after %s', change.change, coalesce(change.previous, 'nothing'))
    from change
   where (change.to_state is null or change.from_state is distinct from change.previous)
     and exists (select from entry where entry.id = change.id)
  union all
  select 'the state is where history ends', 'safety', entry.id,
         format('%s, history says %s', entry.state, coalesce(change.to_state, 'nothing'))
    from entry
    left join change on change.id = entry.id and change.is_last
   where entry.state is distinct from coalesce(
           change.to_state,
           case when tasker._step_no(entry.id) <> 0 then 'pending' end)
  union all
  select 'a step is finished by the token that claimed it, or by hand', 'safety', entry.id,
         format('%s without a token', change.change)
    from entry
    join change on change.id = entry.id and change.is_last
   where change.change in ('step in_progress -> complete', 'step in_progress -> error')
     and change.no_reason
     and not entry.by_token;
end;
$$;

comment on function tasker._check_history is 'check_invariants: history against the state chart and the states.';
