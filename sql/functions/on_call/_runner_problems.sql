create or replace function tasker._runner_problems ()
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
-- Runners that were lost within the last hour, circuit breakers that let
-- nothing pass, and workers that come too late.
--
-- Returns  problems
-- Calls    known_runners, circuit_breakers, _shell_word, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select 'warning', 'runner_lost', format('runner %s', runner.name), runner.seen_at,
         format('process %s on %s was last heard of %s ago, and did not say that it stops; '
                'start it again with its handlers', runner.pid, runner.host,
                tasker._ago(runner.silent_for)),
         format('tasker-sql run%s --handlers MODULE',
                (select string_agg(' --namespace ' || tasker._shell_word(namespace.name), ''
                                   order by namespace.name)
                   from tasker.namespaces as namespace
                  where namespace.name = any (runner.namespaces))), null::bigint
    from tasker.known_runners as runner
   where runner.state = 'lost'
     and runner.silent_for < interval '1 hour'
  union all
  select 'warning', 'breaker_open', format('breaker %s of runner %s', breaker.breaker,
                                           breaker.runner),
         breaker.changed_at,
         case when coalesce(breaker.wanted, breaker.forced) is null
                then format('it lets no call pass after %s failures in a row, and tries again by '
                            'itself: %s', breaker.failed_in_a_row, breaker.last_error)
              else 'an operator forced it open: it lets no call pass' end,
         case when coalesce(breaker.wanted, breaker.forced) is null
                then 'select * from tasker.circuit_breakers'
              else format('tasker-sql runner release %s --reason ''<why>''',
                          tasker._shell_word(breaker.breaker)) end, null
    from tasker.circuit_breakers as breaker
   where breaker.effective_state = 'open'
  union all
  select 'warning', 'late_writes', format('worker %s', refused.worker), min(refused.refused_at),
         format('%s%s outcomes were refused within the hour: its leases had ended; it needs a '
                'longer --lease, or fewer --slots',
                case when count(*) = 1000 then 'at least ' else '' end, count(*)),
         'select * from tasker.late_writes order by refused_at desc limit 20', count(*)
    from (select * from tasker.refused_writes as refused
           where refused.refused_at > v_now - interval '1 hour'
           order by refused.refused_at desc
           limit 1000) as refused
   group by refused.worker
  having count(*) >= 10;
end;
$$;

comment on function tasker._runner_problems is 'problems: lost runners, open circuit breakers, workers that come too late.';
