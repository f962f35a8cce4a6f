create or replace function tasker._check_handler (p_handler jsonb, p_what text)
  returns void
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks what a step says of its handler.
--
-- Raises   22023 naming the step and what is wrong
-- Calls    _check_keys, _check_text
begin
  perform tasker._check_keys(p_handler, p_what,
    '{callable,sql,initialization}', '{}');
  if p_handler ? 'callable' = p_handler ? 'sql' then
    raise exception 'a handler needs a callable or a sql function'
      using errcode = '22023',
            detail  = p_what;
  end if;
  perform tasker._check_text(p_handler -> 'callable', p_what || ' callable',
    '^(?!sql:)[^[:cntrl:]]{1,200}$',
    'a string of 1 to 200 characters without control characters that does not begin with sql:');
  perform tasker._check_text(p_handler -> 'sql', p_what || ' sql',
    '^[A-Za-z_][A-Za-z0-9_$]{0,62}\.[A-Za-z_][A-Za-z0-9_$]{0,62}$',
    'the name of a function with its schema, such as shop.ship_order');
  perform tasker._check_keys(coalesce(p_handler -> 'initialization', '{}'),
    p_what || ' initialization',
    array(select jsonb_object_keys(case when jsonb_typeof(p_handler -> 'initialization') = 'object'
                                        then p_handler -> 'initialization' else '{}' end)),
    '{}');
end;
$$;

comment on function tasker._check_handler is 'Checks what a step says of its handler. Raises 22023.';
