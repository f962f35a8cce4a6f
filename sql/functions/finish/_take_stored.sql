create or replace function tasker._take_stored (p_step_ids bigint[])
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Gives steps whose wait has just opened the signals that were stored for them, the oldest first,
-- in a statement later than the one that wrote their rows: a call that sends one writes these, too.
--
-- Locks    the signals
declare
  v_wait record;
begin
  for v_wait in
    select wait.step_id, wait.names, wait.wanted
      from tasker.waits as wait
     where wait.step_id = any (p_step_ids)
       and wait.kind = 'signal'
     order by wait.step_id
  loop
    update tasker.signals as signal set spent = true  -- opened again, it wants others
     where signal.task_id = tasker._task_of(v_wait.step_id) and signal.taken_by = v_wait.step_id;
    with stored as materialized (
      select signal.signal_id
        from tasker.signals as signal
       where signal.task_id = tasker._task_of(v_wait.step_id)
         and signal.name = any (v_wait.names)
         and signal.taken_by is null
       order by signal.signal_id
       limit v_wait.wanted
         for update
    )
    update tasker.signals as signal
       set taken_by = v_wait.step_id
      from stored
     where signal.signal_id = stored.signal_id;
  end loop;
end;
$$;

comment on function tasker._take_stored is 'Gives steps whose wait has just opened the signals that were stored for them.';
