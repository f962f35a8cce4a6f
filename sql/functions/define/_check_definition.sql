create or replace function tasker._check_definition (p_definition jsonb)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks a definition, part by part; not how its steps depend on each other.
--
-- Raises   22023 what is wrong and where, TK006 over a limit
-- Calls    _check_keys, _check_text, _check_prose, _check_duration, _check_amount, _check_step,
--          _check_schema
declare
  v_steps constant jsonb := p_definition -> 'steps';
begin
  perform tasker._check_keys(p_definition, 'the definition',
    '{name,namespace_name,version,description,metadata,input_schema,finalization,deadline,'
    'on_deadline,steps}',
    '{name,namespace_name,version,steps}');
  perform tasker._check_text(p_definition -> 'namespace_name', 'namespace_name',
    '^[a-z][a-z0-9_]{0,31}$', '1 to 32 characters a-z, 0-9 and _, a letter first');
  perform tasker._check_text(p_definition -> 'name', 'name',
    '^[A-Za-z][A-Za-z0-9_.-]{0,99}$', 'a letter, then up to 99 letters, digits and _ . -');
  perform tasker._check_text(p_definition -> 'version', 'version',
    '^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}$', 'three numbers, such as 1.0.0');
  perform tasker._check_prose(p_definition -> 'description', 'description', 0, 2000);
  perform tasker._check_text(p_definition -> 'finalization', 'finalization', '^(inline|external)$');
  perform tasker._check_duration(p_definition -> 'deadline', 'deadline');
  perform tasker._check_text(p_definition -> 'on_deadline', 'on_deadline', '^(fail|cancel)$');
  if jsonb_typeof(v_steps) <> 'array' or jsonb_array_length(v_steps) = 0 then
    raise exception 'steps must be an array with at least one step'
      using errcode = '22023', detail = 'got ' || jsonb_typeof(v_steps);
  end if;
  perform tasker._check_amount(jsonb_array_length(v_steps), 'the list of steps', 'template_steps');
  perform tasker._check_step(step, position)
     from jsonb_array_elements(v_steps) with ordinality as s (step, position);
  perform tasker._check_schema(p_definition -> 'input_schema', 'input_schema');
end;
$$;

comment on function tasker._check_definition is 'Checks a definition, part by part. Raises 22023, TK006.';
