create or replace function tasker._create_queue (p_queue text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set client_min_messages = warning
as $$
-- Creates a PGMQ queue if it is not there, tuned for pointers that live for milliseconds: without
-- the index on vt (PGMQ reads in msg_id order; the index costs a third of a message's WAL),
-- vacuumed often. p_queue comes from our own tables, never from outside.
begin
  if to_regclass(format('pgmq.%I', 'q_' || p_queue)) is not null then
    return;
  end if;
  execute 'select pgmq.create($1::text)' using p_queue;
  execute format('drop index if exists pgmq.%I', 'q_' || p_queue || '_vt_idx');
  execute format(
    'alter table pgmq.%I set (autovacuum_vacuum_threshold = 2000,
                              autovacuum_vacuum_scale_factor = 0,
                              autovacuum_vacuum_cost_delay = 0)',
    'q_' || p_queue);
end;
$$;

comment on function tasker._create_queue is 'Creates a PGMQ queue if missing, tuned for short-lived pointers.';
