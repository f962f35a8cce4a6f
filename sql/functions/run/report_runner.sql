create or replace function tasker.report_runner (
  p_name     text,
  p_report   jsonb,
  p_interval interval default '5 seconds'
)
  returns table (breaker text, forced text, reason text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- A runner's heartbeat: reports its state, and learns what operators want of its breakers. It
-- counts as gone when it has not reported for three intervals. A name belongs to one process at a
-- time: the last to report wins.
--
-- Returns  one row per breaker that is forced, for this runner or for every one; no rows when none
-- Raises   22023 bad name, report or interval; TK006 a report over 1 MiB
-- Locks    its own row; rows of runners long gone (skipping locked ones)
-- Calls    _check_worker, _check_lease, _check_report, _forget_runners
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  perform tasker._check_worker(p_name);
  p_interval := coalesce(p_interval, '5 seconds');
  perform tasker._check_lease(p_interval);
  perform tasker._check_report(p_report);
  insert into tasker.runners as runner
  select p_name, report.host, report.pid, report.version,
         v_now - make_interval(secs => report.uptime), v_now, v_now + 3 * p_interval,
         report.state, report.status, report.namespaces, report.pools, report.breakers,
         report.connections, report.handlers, coalesce(report.troubles, '[]'), session_user,
         coalesce(report.counters, '{}')
    from jsonb_to_record(p_report) as report (
           host text, pid integer, version text, uptime double precision, state text, status text,
           namespaces text[], pools jsonb, breakers jsonb, connections jsonb, handlers text[],
           troubles jsonb, counters jsonb)
      on conflict (name) do update
     set host        = excluded.host,
         pid         = excluded.pid,
         version     = excluded.version,
         started_at  = case when excluded.started_at > runner.started_at + interval '1 second'
                              then excluded.started_at
                            else runner.started_at end,
         seen_at     = excluded.seen_at,
         gone_at     = excluded.gone_at,
         state       = excluded.state,
         status      = excluded.status,
         namespaces  = excluded.namespaces,
         pools       = excluded.pools,
         breakers    = excluded.breakers,
         connections = excluded.connections,
         handlers    = excluded.handlers,
         troubles    = excluded.troubles,
         role        = excluded.role,
         counters    = excluded.counters;
  perform tasker._forget_runners(v_now);
  return query
  select distinct on (wish.breaker) wish.breaker, wish.forced, wish.reason
    from tasker.forced_breakers as wish
   where wish.runner = p_name
      or wish.runner is null
   order by wish.breaker, wish.runner nulls last;  -- its own before everybody's
end;
$$;

comment on function tasker.report_runner is
'A runner''s heartbeat, every p_interval: stores how it is ({"host", "pid", "version", "uptime", "state", "status", "namespaces", "pools", "breakers", "connections"}, and if it likes "handlers", the names that it can run, and "troubles", what it met in the last minute that needs somebody: [{"code", "message", "times", "since_ago"}], with a code of problems, and "counters", what it has counted since it began; see known_runners, executor_pools, circuit_breakers) and returns which of its circuit breakers operators have forced open or closed. A runner that does not report for three intervals counts as gone, and is forgotten after a day. Raises 22023 (bad argument), TK006 (report over 1 MiB).';
