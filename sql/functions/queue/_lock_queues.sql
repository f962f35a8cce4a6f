create or replace function tasker._lock_queues (p_queues text[])
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Locks queues that are to be dropped. A call that uses several of them holds their tables to the
-- end of its transaction; so all are locked or none, and nobody waits here with a lock in hand:
-- neither a deadlock nor a queue of claims behind us.
--
-- Raises   55P03 when they are not free within ten seconds
-- Locks    the queues' tables, those that are there
declare
  v_tables constant text := (
    select string_agg(format('pgmq.%I', 'q_' || name), ', ')
      from unnest(p_queues) as name
     where to_regclass(format('pgmq.%I', 'q_' || name)) is not null);
begin
  for attempt in 1 .. 400 loop
    begin
      execute coalesce('lock table ' || v_tables || ' in access exclusive mode nowait', 'select');
      return;
    exception when lock_not_available then
      perform pg_sleep(0.025);
    end;
  end loop;
  raise exception 'the queues are in use'
    using errcode = '55P03',
          detail  = format('a transaction that used one of %s is still open',
                           array_to_string(p_queues, ', ')),
          hint    = 'Try again when it has ended; pg_locks shows whose it is.';
end;
$$;

comment on function tasker._lock_queues is 'Locks queues that are to be dropped, all or none of them. Raises 55P03 when they are not free within ten seconds.';
