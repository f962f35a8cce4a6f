create or replace function tasker._schedule_definition (p_definition jsonb)
  returns jsonb
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks the definition of a schedule.
--
-- Returns  it with what it leaves out
-- Raises   22023 naming the key and what would be right, TK006 over a limit
-- Calls    _check_json, _check_keys, _check_text, _check_prose, _check_duration, _check_plan,
--          _task_options
declare
  v_plan jsonb;
begin
  perform tasker._check_json(p_definition, 'the definition', 'definition_bytes');
  perform tasker._check_keys(
    p_definition, 'the schedule',
    '{template,version,cron,every,at,time_zone,context,options,missed,catch_up,overlap,jitter,'
    'starts_at,ends_at,description}',
    '{template}');
  select '{"time_zone": "UTC", "missed": "one", "overlap": "allow"}'
         || coalesce(jsonb_object_agg(given.key, given.value), '{}')
    into v_plan
    from jsonb_each(p_definition) as given
   where given.value <> 'null';
  perform tasker._check_text(v_plan -> 'template', 'template',
    '^[A-Za-z][A-Za-z0-9_.-]{0,99}$', 'the name of a template of the namespace');
  perform tasker._check_text(v_plan -> 'version', 'version',
    '^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}$', 'three numbers, such as 1.0.0');
  perform tasker._check_text(v_plan -> 'missed', 'missed', '^(one|all|skip)$');
  perform tasker._check_text(v_plan -> 'overlap', 'overlap', '^(allow|skip|queue|cancel)$');
  perform tasker._check_duration(v_plan -> 'catch_up', 'catch_up');
  perform tasker._check_duration(v_plan -> 'jitter', 'jitter');
  perform tasker._check_prose(v_plan -> 'description', 'description', 0, 2000);
  perform tasker._check_plan(v_plan);
  if jsonb_typeof(coalesce(v_plan -> 'context', '{}')) <> 'object'
     or v_plan -> 'context' ? 'schedule' then
    raise exception 'bad schedule'
      using errcode = '22023',
            detail  = 'context must be an object without the key schedule, which each tick fills';
  end if;
  if v_plan ? 'options' then
    perform tasker._task_options(v_plan -> 'options');
    if v_plan -> 'options' ?| '{idempotency_key,idempotency_keys,version}' then
      raise exception 'bad schedule'
        using errcode = '22023',
              detail  = 'options must have no idempotency_key, which each tick has, and no '
                        'version, which stands beside template';
    end if;
  end if;
  return v_plan;
end;
$$;

comment on function tasker._schedule_definition is 'Checks the definition of a schedule, and fills in what it leaves out. Raises 22023, TK006.';
