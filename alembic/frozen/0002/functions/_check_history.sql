create or replace function tasker._check_history (p_task_id bigint)
  returns table (invariant text, severity text, id bigint, detail text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan
as $$
-- History against the state chart and the rows: only legal changes, each from where the last one led to, the
-- first one from the beginning, the last one to the state that the row has. A step that a worker finished keeps
-- its token; one that was finished by hand has none, and history has a reason.
--
-- Returns  the violations; id is a step_id (step_no 0: the task)
#variable_conflict use_column
declare
  v_first constant bigint := coalesce(p_task_id, 0);
  v_last  constant bigint := coalesce(p_task_id, 4398046511103);
  v_since constant timestamptz := coalesce((select task.created_at - interval '1 hour' from tasker.tasks as task
                                             where task.task_id = p_task_id), '-infinity');
begin
  return query
  with entry as materialized (
    select step.step_id as id, step.state::text as state, step.claim_token, step.started_at
      from tasker.steps as step
     where step.step_id > v_first << 20
       and step.step_id < (v_last + 1) << 20
    union all
    select task.task_id << 20, task.state::text, null, null from tasker.tasks as task where task.task_id between v_first and v_last
  ),
  change as materialized (
    select change.id, change.change, change.reason, legal.from_state, legal.to_state,
           lag(legal.to_state) over chain as previous,
           row_number() over chain = 1 as is_first,
           row_number() over chain = count(*) over (partition by change.id) as is_last
      from tasker._changes as change
      left join tasker.legal_transitions as legal on legal.transition = change.change
     where change.at >= v_since
       and change.id >= v_first << 20
       and change.id < (v_last + 1) << 20
    window chain as (partition by change.id order by change.transition_id, change.position)
  )
  select 'only legal transitions', 'safety', change.id, change.change::text
    from change
   where change.to_state is null
  union all
  select 'history is an unbroken chain', 'safety', change.id,
         format('%s after %s', change.change, case when change.is_first then 'nothing' else change.previous end)
    from change
   where change.from_state is distinct from
         case when not change.is_first then change.previous when change.id & 1048575 <> 0 then 'pending' end
     and exists (select from entry where entry.id = change.id)
  union all
  select 'the state is where history ends', 'safety', entry.id, format('%s, history says %s', entry.state, coalesce(change.to_state, 'nothing'))
    from entry
    left join change on change.id = entry.id and change.is_last
   where entry.state is distinct from coalesce(change.to_state, case when entry.id & 1048575 <> 0 then 'pending' end)
  union all
  select 'a step is finished by the token that claimed it, or by hand', 'safety', entry.id,
         format('%s, token %s, started %s', change.change, entry.claim_token, entry.started_at)
    from entry
    join change on change.id = entry.id and change.is_last
   where change.change in ('step in_progress -> complete', 'step in_progress -> error')
     and change.reason is null
     and (entry.claim_token is null or entry.started_at is null);
end;
$$;

comment on function tasker._check_history is 'check_invariants: history against the state chart and the states.';
