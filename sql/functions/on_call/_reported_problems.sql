create or replace function tasker._reported_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
-- What live runners report: pools that get nothing done, and what they meet and cannot deal with
-- themselves. What they meet three times is critical.
--
-- Returns  problems
-- Calls    known_runners, executor_pools, _reported_troubles, _missing_grant, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select case when pool.healthy > 0 then 'warning' else 'critical' end,
         'pool_unhealthy',
         format('pool %s%s of runner %s', pool.pool, ' of namespace ' || pool.namespace,
                pool.runner),
         null::timestamptz,
         format('%s of its %s executors get nothing done: %s', pool.unhealthy, pool.executors,
                case when pool.pool = 'task_claimer'
                       then 'handlers hang, or its calls are not answered; restart the runner'
                     else 'their calls are not answered, or fail' end),
         case when pool.pool = 'task_claimer' then 'tasker-sql worker claims'
              else format('select * from tasker.executor_pools where runner = %L', pool.runner) end,
         pool.unhealthy::bigint
    from tasker.executor_pools as pool
   where pool.status = 'unhealthy'
  union all
  select case when trouble.times < 3 then 'warning' else 'critical' end,
         trouble.code, format('runner %s', runner.name),
         runner.seen_at - make_interval(secs => trouble.since_ago),
         format('it met this %s, first %s ago: %s',
                case trouble.times when 1 then 'once' else trouble.times || ' times' end,
                tasker._ago(v_now - runner.seen_at + make_interval(secs => trouble.since_ago)),
                left(trouble.message, 300)),
         case trouble.code
           when 'read_only' then 'show default_transaction_read_only'
           when 'too_many_connections' then
             'select usename, application_name, state, count(*) from pg_stat_activity '
             'group by 1, 2, 3 order by 4 desc'
           when 'disk_full' then
             'select oid::regclass, pg_size_pretty(pg_total_relation_size(oid)) from pg_class '
             'where relkind = ''r'' order by pg_total_relation_size(oid) desc limit 10'
           when 'schema_changed' then 'tasker-sql db upgrade'
           when 'slots_full' then 'tasker-sql worker claims'
           when 'permission_missing' then tasker._missing_grant(trouble.message, runner.role)
           when 'reports_refused' then
             'select tgrelid::regclass, tgname, tgfoid::regproc from pg_trigger '
             'join pg_class on pg_class.oid = tgrelid '
             'where relnamespace = ''tasker''::regnamespace and not tgisinternal'
         end,
         null
    from tasker.known_runners as runner
   cross join lateral (
         select reported.code, max(reported.message) as message, sum(reported.times) as times,
                max(reported.since_ago) as since_ago
           from tasker._reported_troubles(runner.troubles) as reported
          where reported.code in ('read_only', 'too_many_connections', 'disk_full',
                                  'schema_changed', 'permission_missing', 'reports_refused',
                                  'slots_full')
          group by reported.code) as trouble
   where runner.is_live;
end;
$$;

comment on function tasker._reported_problems is 'problems: what live runners report of their pools and of what they meet.';
