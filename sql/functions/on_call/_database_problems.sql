create or replace function tasker._database_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What keeps the tables from being cleaned: sessions with a snapshot of over ten minutes,
-- and where dead rows have piled up. Sessions of others are seen by members of pg_read_all_stats.
--
-- Returns  problems
-- Calls    _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select 'warning', 'vacuum_held_back', format('session %s', holder.pid), holder.xact_start,
         format('%s of %s (%s) has had a transaction open for %s; nothing deleted or updated '
                'since is cleaned up', coalesce(nullif(holder.application_name, ''), 'a session'),
                holder.usename, holder.state, tasker._ago(v_now - holder.xact_start)),
         format('select pg_terminate_backend(%s)', holder.pid), null::bigint
    from pg_stat_activity as holder
   where holder.datname = current_database()
     and coalesce(holder.backend_xmin, holder.backend_xid) is not null
     and holder.backend_type = 'client backend'
     and holder.pid <> pg_backend_pid()
     and holder.xact_start < v_now - interval '10 minutes'
  union all
  select 'warning', 'vacuum_held_back', format('prepared transaction %s', prepared.gid),
         prepared.prepared,
         format('%s prepared it %s ago, and nobody finished it; its locks stay, and nothing since '
                'is cleaned up', prepared.owner, tasker._ago(v_now - prepared.prepared)),
         format('rollback prepared %L', prepared.gid), null
    from pg_prepared_xacts as prepared
   where prepared.database = current_database()
     and prepared.prepared < v_now - interval '10 minutes'
  union all
  select 'warning', 'vacuum_held_back', format('replication slot %s', slot.slot_name), null,
         format('nobody is connected to it, and it keeps the rows of %s transactions: connect its '
                'standby, or drop it', age(slot.xmin)),
         format('select pg_drop_replication_slot(%L)', slot.slot_name), null
    from pg_replication_slots as slot
   where not slot.active
     and slot.xmin is not null
  union all
  select 'warning', 'bloat', format('table %I.%I', usage.schemaname, usage.relname),
         greatest(usage.last_vacuum, usage.last_autovacuum),
         format('%s dead rows beside %s live ones; last cleaned up %s', usage.n_dead_tup,
                usage.n_live_tup,
                coalesce(tasker._ago(v_now - greatest(usage.last_vacuum, usage.last_autovacuum))
                         || ' ago', 'never')),
         format('vacuum %I.%I', usage.schemaname, usage.relname), usage.n_dead_tup
    from pg_stat_user_tables as usage
   where usage.schemaname in ('tasker', 'pgmq')
     and usage.n_dead_tup > 50000
     and usage.n_dead_tup > usage.n_live_tup;
end;
$$;

comment on function tasker._database_problems is 'problems: who holds back vacuum, and where dead rows have piled up.';
