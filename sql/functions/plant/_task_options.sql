create or replace function tasker._task_options (p_options jsonb)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks the options of create_task and create_tasks.
--
-- Raises   22023 naming the option and what would be right, TK006 over a limit
-- Calls    _check_depth, _check_keys, _check_text, _check_moment, _check_deadline, _check_prose,
--          _check_amount
begin
  perform tasker._check_depth(p_options, 'the object of options');
  perform tasker._check_keys(
    p_options,
    'the options',
    '{version,idempotency_key,idempotency_keys,priority,run_at,deadline,tags,initiator,'
    'source_system,reason}',
    '{}');
  perform tasker._check_text(
    p_options -> 'version',
    'version',
    '^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}$',
    'three numbers, such as 1.0.0');
  perform tasker._check_text(p_options -> 'idempotency_key', 'idempotency_key', '^.{1,200}$');
  perform tasker._check_text(p_options -> 'priority', 'priority', '^(high|normal|low)$');
  perform tasker._check_moment(p_options -> 'run_at', 'run_at');
  perform tasker._check_deadline(p_options -> 'deadline');
  perform tasker._check_text(p_options -> key, key, '^.{1,200}$')
     from unnest('{initiator,source_system}'::text[]) as key;
  perform tasker._check_prose(p_options -> 'reason', 'reason', 1, 1000);
  if p_options ? 'tags'
     and (jsonb_typeof(p_options -> 'tags') <> 'array'
          or exists (select from jsonb_array_elements(p_options -> 'tags') as tag
                      where jsonb_typeof(tag) <> 'string'
                         or length(tag #>> '{}') not between 1 and 100)) then
    raise exception 'bad tags'
      using errcode = '22023',
            detail  = 'tags are an array of strings of 1 to 100 characters';
  elsif jsonb_array_length(p_options -> 'tags') > 20 then
    perform tasker._check_amount(jsonb_array_length(p_options -> 'tags'), 'the list of tags',
                                 'tags_per_task');
  end if;
end;
$$;

comment on function tasker._task_options is 'Checks the options of create_task and create_tasks. Raises 22023.';
