create or replace function tasker.critical_path (p_task_uuid uuid)
  returns table (
    step_uuid    uuid,
    name         text,
    state        text,
    is_critical  boolean,
    ready_at     timestamptz,
    ends_at      timestamptz,
    is_estimated boolean,
    slack        interval,
    task_ends_at timestamptz,
    based_on     integer
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Which chain of steps decides when a task ends: back from the step that ends last, each time to
-- the parent that ends last. How late each step could end is found on the way, children before
-- their parents.
--
-- Returns  one row per step, parents first; no times for what nobody can foresee
-- Raises   TK002 no such task, 22023 null
-- Calls    _task_id, _foreseen_ends, _step_uuid
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_task    tasker.tasks%rowtype;
  v_step    record;
  v_seen    record;
  v_latest  timestamptz[] := array[]::timestamptz[];
  v_on_path boolean[] := array[]::boolean[];
  v_end     timestamptz;
  v_next    integer;
  v_parent  integer;
begin
  select task.* into v_task from tasker.tasks as task where task.task_id = v_task_id;
  v_seen := tasker._foreseen_ends(v_task_id);
  if v_task.finished_at is not null or array_position(v_seen.ends_at, null) is null then
    select seen.no, seen.ends_at into v_next, v_end
      from unnest(v_seen.ends_at) with ordinality as seen (ends_at, no)
     where seen.ends_at is not null
     order by seen.ends_at desc, seen.no desc
     limit 1;
  end if;

  for v_step in
    select link.step_no as no, link.parents
      from tasker.template_steps as link
     where link.template_id = v_task.template_id
       and v_end is not null
     order by link.step_no desc
  loop
    v_latest[v_step.no] := least(v_latest[v_step.no], v_end);
    foreach v_parent in array v_step.parents loop
      v_latest[v_parent] := least(
        v_latest[v_parent],
        v_latest[v_step.no]
        - greatest(v_seen.ends_at[v_step.no] - v_seen.ready_at[v_step.no], interval '0'));
    end loop;
    if v_step.no = v_next then
      v_on_path[v_step.no] := true;
      select parent into v_next
        from unnest(v_step.parents) as parent
       order by v_seen.ends_at[parent] desc, parent desc
       limit 1;
    end if;
  end loop;

  return query
  select tasker._step_uuid(p_task_uuid, step.step_id), link.name, step.state::text,
         coalesce(v_on_path[link.step_no], false), v_seen.ready_at[link.step_no],
         v_seen.ends_at[link.step_no],
         step.finished_at is null and v_seen.ends_at[link.step_no] is not null,
         v_latest[link.step_no] - v_seen.ends_at[link.step_no],
         coalesce(v_task.finished_at, v_end), v_seen.based_on
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   where step.step_id > tasker._id_of_task(v_task_id)
     and step.step_id < tasker._id_of_task(v_task_id + 1)
   order by step.step_id;
end;
$$;

comment on function tasker.critical_path is
'Which chain of steps decides (or has decided) when a task ends: is_critical marks it; ready_at is when a step''s parents were done, slack how much later it could have ended without the task''s ending later. Of an open task, what has not ended is estimated (is_estimated) from the last complete tasks of its template (based_on: how many, 20 at most): as if nothing were paused, and workers as usual. No times where a failed step is in the way, or where there is no such task. Raises TK002 (unknown task), 22023 (null).';
