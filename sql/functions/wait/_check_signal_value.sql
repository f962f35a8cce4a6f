create or replace function tasker._check_signal_value (p_step_id bigint, p_value jsonb)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks the value of a signal by the schema of a step that may take it, and that the values that
-- this step takes are a result together.
--
-- Raises   22023 naming what the schema does not allow, TK006 over result_bytes
-- Calls    _schema_problem, _check_amount
declare
  v_schema  jsonb;
  v_problem text;
  v_bytes   bigint;
begin
  select link.features #> '{wait,schema}' into v_schema
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   where step.step_id = p_step_id;
  v_problem := case when jsonb_typeof(v_schema) = 'object'
                    then tasker._schema_problem(v_schema, p_value, 'value') end;
  if v_problem is not null then
    raise exception 'bad value of a signal' using errcode = '22023', detail = v_problem;
  end if;
  select sum(pg_column_size(signal.value #> '{}')) into v_bytes
    from tasker.signals as signal
   where signal.task_id = tasker._task_of(p_step_id)
     and signal.taken_by = p_step_id
     and signal.spent is null;
  if v_bytes > 0 then
    perform tasker._check_amount(
      least(v_bytes + pg_column_size(p_value #> '{}'), 2147483647)::integer,
      'the values of a wait', 'result_bytes');
  end if;
end;
$$;

comment on function tasker._check_signal_value is 'Checks the value of a signal by the schema of a step that may take it. Raises 22023, TK006.';
