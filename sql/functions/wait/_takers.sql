create or replace function tasker._takers (p_task_id bigint, p_name text)
  returns bigint[]
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The steps of a task that wait for a signal of this name, whatever their states.
--
-- Returns  at least one, in order
-- Raises   22023 when there is none, naming the known signals and the nearest
-- Calls    _nearest
declare
  v_template integer;
  v_steps    bigint[];
  v_known    text[];
begin
  select task.template_id into v_template from tasker.tasks as task where task.task_id = p_task_id;
  v_steps := array(
    select tasker._id_of_task(p_task_id) + wait.step_no
      from tasker.template_waits as wait
     where wait.template_id = v_template and wait.name = p_name
     order by wait.step_no);
  if v_steps = '{}' then
    v_known := array(select distinct wait.name from tasker.template_waits as wait
                      where wait.template_id = v_template order by 1);
    raise exception 'no step waits for this signal'
      using errcode = '22023',
            detail  = format('%s; its template waits for %s',
                             coalesce(quote_literal(left(p_name, 100)), 'null'),
                             coalesce(nullif(array_to_string(v_known[1:20], ', '), ''), 'none')),
            hint    = coalesce('Did you mean ' || tasker._nearest(p_name, v_known) || '?', '');
  end if;
  return v_steps;
end;
$$;

comment on function tasker._takers is 'The steps of a task that wait for a signal of this name. Raises 22023.';
