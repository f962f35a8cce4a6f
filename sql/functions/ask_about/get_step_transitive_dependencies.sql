create or replace function tasker.get_step_transitive_dependencies (p_step_uuid uuid)
  returns table (step_uuid uuid, name text, distance integer, current_state text, result jsonb)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- All steps that a step depends on, directly or through others. Walking down the step numbers from
-- the step meets every child of a parent before the parent itself, so that one pass finds the
-- shortest distances.
--
-- Returns  one row per ancestor with its shortest distance (1 = parent), nearest first
-- Raises   TK002 unknown step, 22023 null
-- Calls    _existing_step_id
#variable_conflict use_column
declare
  v_step_id   constant bigint := tasker._existing_step_id(p_step_uuid);
  v_template  constant integer := (select step.template_id
                                     from tasker.steps as step
                                    where step.step_id = v_step_id);
  v_distances integer[] := array_fill(null::integer, array[tasker._step_no(v_step_id)]);
  v_link      record;
  v_parent    integer;
begin
  v_distances[tasker._step_no(v_step_id)] := 0;
  for v_link in
    select link.step_no, link.parents
      from tasker.template_steps as link
     where link.template_id = v_template
       and link.step_no <= tasker._step_no(v_step_id)
     order by link.step_no desc
  loop
    continue when v_distances[v_link.step_no] is null;
    foreach v_parent in array v_link.parents loop
      v_distances[v_parent] := least(v_distances[v_parent], v_distances[v_link.step_no] + 1);
    end loop;
  end loop;
  return query
  select tasker._step_uuid(tasker._task_uuid(p_step_uuid), step.step_id),
         link.name,
         ancestor.distance,
         step.state::text,
         step.result
    from unnest(v_distances) with ordinality as ancestor (distance, step_no)
    join tasker.template_steps as link
      on link.template_id = v_template
     and link.step_no = ancestor.step_no
    join tasker.steps as step
      on step.step_id = tasker._id_of_task(tasker._task_of(v_step_id)) + ancestor.step_no
   where ancestor.distance > 0
   order by ancestor.distance, ancestor.step_no;
end;
$$;

comment on function tasker.get_step_transitive_dependencies is
'All steps that a step depends on, directly or through others: each once, with its shortest distance (1 = parent), its state and its result, nearest first. Raises TK002 (unknown step), 22023 (null).';
