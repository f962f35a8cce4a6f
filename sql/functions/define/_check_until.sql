create or replace function tasker._check_until (p_step jsonb, p_until jsonb, p_what text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks until when a step waits, if it does: a moment, where one stands in its document, or a
-- function that says whether it is so far.
--
-- Raises   22023 naming the step and what is wrong
-- Calls    _check_keys, _check_text, _check_condition, _check_moment
begin
  if p_until is null then
    return;
  elsif jsonb_typeof(p_until) = 'object' then
    perform tasker._check_keys(p_until, p_what, '{sql}', '{sql}');
    perform tasker._check_text(p_until -> 'sql', p_what || ' sql',
      '^[A-Za-z_][A-Za-z0-9_$]{0,62}\.[A-Za-z_][A-Za-z0-9_$]{0,62}$',
      'the name of a function with its schema, such as shop.is_ready');
  elsif p_until #>> '{}' ~ '^\s*(lax\s|strict\s|\$)' then
    perform tasker._check_condition(p_step, p_until, p_what);
  else
    perform tasker._check_moment(p_until, p_what);
  end if;
end;
$$;

comment on function tasker._check_until is 'Checks until when a step waits, if it does. Raises 22023.';
