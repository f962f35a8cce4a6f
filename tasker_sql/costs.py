"""What is done in a second, and what that costs the database: queries of `top` and of pages.

Each is bounded, and counts nothing whose size grows with history. A `%` is written twice.
"""

from __future__ import annotations

from typing import Final

ACTIVITY: Final = """
select since, until, attempts_started, steps_completed, attempts_failed, tasks_created,
       tasks_completed
  from tasker.recent_activity order by since"""
SERVER: Final = """
select fact.what, fact.value, fact.note, fact.since
  from pg_stat_database as base,
       (select count(*) as sessions,
               count(*) filter (where state = 'active') as active,
               count(*) filter (where state like 'idle in transaction%%') as idle,
               count(*) filter (where wait_event_type = 'Lock') as waiting,
               min(xact_start) filter (where pid <> pg_backend_pid()) as oldest
          from pg_stat_activity where datname = current_database()) as session,
       (select current_setting('max_connections')::integer as most) as setting
 cross join lateral (values
       ('PostgreSQL', current_setting('server_version'), pg_postmaster_start_time(),
        case when pg_is_in_recovery() then 'a standby: read only' end),
       ('connections', session.sessions::text, null,
        case when session.sessions >= 0.85 * most then 'NEARLY FULL: ' else '' end
          || session.active || ' active; the server takes ' || most),
       ('idle in transaction', session.idle::text, null,
        case when session.idle > 0 then 'they hold locks and dead rows' end),
       ('waiting for a lock', session.waiting::text, null, null),
       ('oldest transaction', null, least(session.oldest, tasker._now()),
        case when session.oldest is not null then 'vacuum cannot clean what it may still see' end),
       ('deadlocks', base.deadlocks::text, null, 'since the statistics began'),
       ('transactions',
        to_char(base.xact_commit + base.xact_rollback, 'FM999,999,999,999,999'), null,
        round(100.0 * base.xact_rollback / nullif(base.xact_commit + base.xact_rollback, 0), 1)
          || ' %% rolled back'),
       ('cache hits', round(100.0 * base.blks_hit / nullif(base.blks_hit + base.blks_read, 0), 1)
          || ' %%', null, null),
       ('size of the database', pg_size_pretty(pg_database_size(base.datid)), null, null))
    as fact (what, value, since, note)
 where base.datname = current_database()"""
TRANSACTIONS: Final = """
select 'process ' || pid as what, least(xact_start, tasker._now()) as since,
       concat_ws(', ', concat_ws(' ', application_name, 'of', usename), state,
                 wait_event_type || ': ' || wait_event,
                 'blocked by ' || nullif(array_to_string(pg_blocking_pids(pid), ', '), '')) as note,
       coalesce(host(client_addr), 'this machine') as address, left(query, 200) as query
  from pg_stat_activity
 where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()
 order by xact_start limit 10"""
RELATIONS: Final = """
select schemaname || '.' || relname as what,
       pg_size_pretty(pg_total_relation_size(relid)) as value,
       concat(to_char(n_live_tup, 'FM999,999,999,999'), ' rows',
              case when n_dead_tup >= 1000
                     then ', ' || round(100.0 * n_dead_tup / (n_live_tup + n_dead_tup)) || '%% dead'
              end) as note,
       n_live_tup as live_rows, n_dead_tup as dead_rows,
       coalesce(greatest(last_vacuum, last_autovacuum)::text, 'never') as vacuumed_at
  from pg_stat_user_tables where schemaname in ('tasker', 'pgmq')
 order by pg_total_relation_size(relid) desc, 1 limit 20"""
