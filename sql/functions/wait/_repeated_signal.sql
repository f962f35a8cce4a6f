create or replace function tasker._repeated_signal (
  p_task_id bigint,
  p_name    text,
  p_value   jsonb,
  p_options jsonb
)
  returns tasker.signals
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The signal that was sent with this key before.
--
-- Returns  null for none
-- Raises   TK008 when its value was another
declare
  v_signal tasker.signals%rowtype;
begin
  select signal.* into v_signal
    from tasker.signals as signal
   where signal.task_id = p_task_id
     and signal.name = p_name
     and signal.signal_key = p_options ->> 'key';
  if v_signal.value <> p_value then
    raise exception 'this key was used for another value'
      using errcode = 'TK008',
            detail  = format('%s %s was sent at %s', p_name, quote_literal(p_options ->> 'key'),
                             v_signal.sent_at),
            hint    = 'A key stands for one signal. Use another one.';
  end if;
  return v_signal;
end;
$$;

comment on function tasker._repeated_signal is 'The signal that was sent with this key before; null for none. Raises TK008.';
