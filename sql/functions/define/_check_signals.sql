create or replace function tasker._check_signals (p_step jsonb, p_wait jsonb, p_what text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks which signals a step waits for, if it does, and what it makes of them.
--
-- Raises   22023 naming the step and what is wrong
-- Calls    _check_text, _check_number, _check_schema, _check_condition, _check_prose
declare
  v_names jsonb := p_wait -> 'signal';
begin
  if v_names is null then
    return;
  end if;
  v_names := case when jsonb_typeof(v_names) = 'array' then v_names
                  else jsonb_build_array(v_names) end;
  if jsonb_array_length(v_names) not between 1 and 20
     or (select count(distinct name) from jsonb_array_elements(v_names) as name)
        < jsonb_array_length(v_names) then
    raise exception 'bad wait'
      using errcode = '22023',
            detail  = p_what || ' signal: need a name, or 1 to 20 different ones';
  end if;
  perform tasker._check_text(name, p_what || ' signal', '^[A-Za-z][A-Za-z0-9_.-]{0,99}$',
                             'a letter, then up to 99 letters, digits and _ . -')
     from jsonb_array_elements(v_names) as name;
  perform tasker._check_number(p_wait -> 'count', p_what || ' count', 1, 100, 1);
  perform tasker._check_schema(p_wait -> 'schema', p_what || ' schema');
  perform tasker._check_condition(p_step, p_wait -> 'fail_if', p_what || ' fail_if', true);
  perform tasker._check_prose(p_wait -> 'prompt', p_what || ' prompt', 1, 2000);
end;
$$;

comment on function tasker._check_signals is 'Checks which signals a step waits for, and what it makes of them. Raises 22023.';
