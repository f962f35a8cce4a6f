create or replace function tasker._check_signal (p_options jsonb, p_known text[], p_value jsonb)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks what comes with a signal.
--
-- Raises   22023 naming the option, TK006 for a value over result_bytes
-- Calls    _check_depth, _check_keys, _check_text, _check_prose, _check_json
begin
  perform tasker._check_depth(p_options, 'the object of options');
  perform tasker._check_keys(p_options, 'the options', p_known, '{}');
  perform tasker._check_text(nullif(p_options -> key, 'null'), key, '^.{1,200}$')
     from unnest('{name,key,initiator}'::text[]) as key;
  perform tasker._check_prose(nullif(p_options -> 'reason', 'null'), 'reason', 1, 1000);
  perform tasker._check_json(p_value, 'the value', 'result_bytes');
end;
$$;

comment on function tasker._check_signal is 'Checks what comes with a signal. Raises 22023, TK006.';
