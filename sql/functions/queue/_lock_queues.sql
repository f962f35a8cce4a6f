create or replace function tasker._lock_queues (p_queues text[])
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Locks queues that are to be dropped. A call that uses several of them holds their tables to the
-- end of its transaction; so one is waited for while no other is held, and then all are locked or
-- none: no deadlock. Every half a second those who queue up behind us are let through.
--
-- Raises   55P03 when they are not free within ten seconds
-- Locks    the queues' tables, those that are there
declare
  v_patience constant text := current_setting('lock_timeout');
  v_tables   text[] := array(select format('pgmq.%I', 'q_' || name)
                               from unnest(p_queues) with ordinality as queue (name, position)
                              where to_regclass(format('pgmq.%I', 'q_' || name)) is not null
                              order by position);
begin
  for attempt in 1 .. 20 loop
    exit when v_tables = '{}';
    begin
      perform set_config('lock_timeout', '500ms', true);
      execute format('lock table %s in access exclusive mode', v_tables[1]);
      execute format('lock table %s in access exclusive mode nowait',
                     array_to_string(v_tables, ', '));
      perform set_config('lock_timeout', v_patience, true);
      return;
    exception when lock_not_available then  -- which takes the setting back, too
      v_tables := v_tables[2:] || v_tables[1];
    end;
  end loop;
  if v_tables <> '{}' then
    raise exception 'the queues are in use'
      using errcode = '55P03',
            detail  = format('a transaction that used one of %s is still open',
                             array_to_string(p_queues, ', ')),
            hint    = 'Try again when it has ended; pg_locks shows whose it is.';
  end if;
end;
$$;

comment on function tasker._lock_queues is 'Locks queues that are to be dropped, all or none of them. Raises 55P03 when they are not free within ten seconds.';
