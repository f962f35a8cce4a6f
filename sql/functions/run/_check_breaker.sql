create or replace function tasker._check_breaker (p_breaker text, p_runner text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards an operator's aim: a breaker that a runner (some runner, for null) has reported.
--
-- Raises   TK002 naming those that are known
-- Calls    _reported_breakers
declare
  v_known text;
begin
  if exists (select
               from tasker.runners as runner
              cross join lateral tasker._reported_breakers(runner.breakers) as reported
              where reported.breaker = p_breaker
                and (p_runner is null or runner.name = p_runner))
  then
    return;
  end if;
  select string_agg(distinct reported.breaker || ' of ' || runner.name, ', ') into v_known
    from tasker.runners as runner
   cross join lateral tasker._reported_breakers(runner.breakers) as reported;
  raise exception 'no runner has such a circuit breaker'
    using errcode = 'TK002',
          detail  = format('%s of %s; known are %s', coalesce(left(p_breaker, 100), 'null'),
                           coalesce(left(p_runner, 200), 'any runner'),
                           coalesce(left(v_known, 1000), 'none'));
end;
$$;

comment on function tasker._check_breaker is 'Guards the name of a circuit breaker that a runner has reported. Raises TK002.';
