create or replace function tasker._create_queue (p_queue text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Creates a queue if it is not there, as pgmq.create does, but tuned for pointers that live for
-- milliseconds: without the index on vt (PGMQ reads in msg_id order; the index costs a third of a
-- message's WAL), vacuumed often. And without PGMQ's advisory lock, which anybody could hold.
-- p_queue comes from our own tables, never from outside.
--
-- Locks    PGMQ's list of queues, when there is one to create
-- Calls    _has_queue; for a queue of a namespace _create_pair
begin
  if tasker._has_queue(p_queue) then
    return;
  end if;
  lock table pgmq.meta in share row exclusive mode;  -- two would both find nothing
  execute format(
    'create table if not exists pgmq.%I (
       msg_id       bigint      primary key generated always as identity,
       read_ct      integer     not null default 0,
       enqueued_at  timestamptz not null default now(),
       last_read_at timestamptz,
       vt           timestamptz not null,
       message      jsonb,
       headers      jsonb
     ) with (autovacuum_vacuum_threshold = 2000,
             autovacuum_vacuum_scale_factor = 0,
             autovacuum_vacuum_cost_delay = 0)', 'q_' || p_queue);
  execute format(
    'create table if not exists pgmq.%I (
       msg_id       bigint      primary key,
       read_ct      integer     not null default 0,
       enqueued_at  timestamptz not null default now(),
       last_read_at timestamptz,
       archived_at  timestamptz not null default now(),
       vt           timestamptz not null,
       message      jsonb,
       headers      jsonb
     )', 'a_' || p_queue);
  execute format('create index if not exists %I on pgmq.%I (archived_at)',
                 'archived_at_idx_' || p_queue, 'a_' || p_queue);
  insert into pgmq.meta (queue_name, is_partitioned, is_unlogged)
  values (p_queue, false, false)
      on conflict do nothing;
  if p_queue ~ '_queue(_high|_low)?$' then
    perform tasker._create_pair(p_queue);
  end if;
end;
$$;

comment on function tasker._create_queue is 'Creates a PGMQ queue if missing, tuned for short-lived pointers, and the functions that push and pop them.';
