create or replace function tasker._blocked_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
-- Who keeps others waiting: sessions for whose locks others have waited for two seconds, and those
-- that have had a whole table of ours locked for as long. Reads no table of ours, so that it
-- answers while these are locked.
--
-- Returns  problems, one for each session at the end of a chain of waiting sessions
-- Calls    _ago, _counted
#variable_conflict use_column
declare
  v_now  constant timestamptz := tasker._now();
  v_long constant timestamptz := v_now - interval '2 seconds';
begin
  return query
  with recursive edge as materialized (
    select waiting.pid, waiting.since, blocker.pid as blocker
      from (select lock.pid, min(lock.waitstart) as since
              from pg_locks as lock
              join pg_stat_activity as activity on activity.pid = lock.pid
             where not lock.granted
               and lock.waitstart < v_long
               and activity.datname = current_database()
             group by lock.pid) as waiting
     cross join lateral unnest(pg_blocking_pids(waiting.pid)) as blocker (pid)
  ),
  reach as (
    select edge.pid, edge.since, edge.blocker from edge
     union
    select reach.pid, reach.since, edge.blocker from reach join edge on edge.pid = reach.blocker
  ),
  holder as (
    select reach.blocker as pid, count(distinct reach.pid) as waiting, min(reach.since) as since
      from reach
     where not exists (select from edge where edge.pid = reach.blocker)
     group by reach.blocker
    union all
    select lock.pid, 0, min(activity.xact_start)
      from pg_locks as lock
      join pg_class as class on class.oid = lock.relation
      join pg_stat_activity as activity on activity.pid = lock.pid
     where lock.granted
       and lock.mode = 'AccessExclusiveLock'
       and lock.database = (select oid from pg_database where datname = current_database())
       and class.relnamespace in (to_regnamespace('tasker'), to_regnamespace('pgmq'))
       and class.relkind in ('r', 'p')
       and activity.xact_start < v_long
       and lock.pid <> pg_backend_pid()
       and not exists (select from reach where lock.pid in (reach.blocker, reach.pid))
     group by lock.pid
  )
  select 'critical', 'blocked_by',
         case holder.pid when 0 then 'a prepared transaction'
                         else format('session %s', holder.pid) end,
         holder.since,
         format('%s %s, for up to %s',
                case holder.waiting when 0 then 'a table of ours is locked by'
                                    when 1 then '1 session waits for'
                                    else holder.waiting || ' sessions wait for' end,
                case holder.pid
                  when 0 then 'a transaction that was prepared and not finished'
                  else format('pid %s (%s, role %s, %s %s: %s)', holder.pid,
                              coalesce(nullif(activity.application_name, ''),
                                       activity.backend_type, 'gone'),
                              coalesce(activity.usename, 'none'),
                              coalesce(activity.state, 'running'),
                              tasker._ago(v_now - activity.state_change),
                              left(regexp_replace(activity.query, '\s+', ' ', 'g'), 80)) end,
                tasker._ago(v_now - holder.since)),
         case holder.pid when 0 then 'select gid, prepared, owner from pg_prepared_xacts'
                         else format('select pg_terminate_backend(%s)', holder.pid) end,
         holder.waiting
    from holder
    left join pg_stat_activity as activity on activity.pid = holder.pid;
end;
$$;

comment on function tasker._blocked_problems is 'problems: whose locks keep others waiting.';
