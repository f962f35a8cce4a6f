create or replace function tasker.force_breaker (
  p_breaker  text,
  p_position text,
  p_reason   text,
  p_runner   text default null
)
  returns table (breaker text, runner text, forced text, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Forces a circuit breaker open (no call passes) or closed (all do, whatever fails), of one runner
-- or of every one, until it is released. Runners obey with their next heartbeat. A runner's own
-- order goes before the one for all.
--
-- Returns  one row; changed is false when it was so already
-- Raises   TK002 no such breaker or runner, 22023 bad position or no reason
-- Locks    the order
-- Calls    _check_reason, _check_breaker, _operator
#variable_conflict use_column
declare
  v_now     constant timestamptz := tasker._now();
  v_changed boolean;
begin
  perform tasker._check_reason(p_reason);
  if (p_position in ('open', 'closed')) is not true then
    raise exception 'bad position of a circuit breaker'
      using errcode = '22023',
            detail  = format('got %s, need open or closed',
                             coalesce(left(p_position, 100), 'null'));
  end if;
  perform tasker._check_breaker(p_breaker, p_runner);
  insert into tasker.forced_breakers as wish (breaker, runner, forced, reason, forced_at)
  values (p_breaker, p_runner, p_position, p_reason, v_now)
      on conflict on constraint a_breaker_is_forced_one_way do update
     set forced    = excluded.forced,
         reason    = excluded.reason,
         forced_by = excluded.forced_by,
         forced_at = excluded.forced_at
   where wish.forced <> excluded.forced;
  v_changed := found;
  if v_changed then
    perform tasker._operator('force_breaker', format('%s of %s: %s', p_breaker,
                             coalesce(p_runner, 'every runner'), p_position), p_reason, v_now);
  end if;
  return query select p_breaker, p_runner, p_position, v_changed;
end;
$$;

comment on function tasker.force_breaker is
'Forces a circuit breaker (database, queue) open, so that no call passes, or closed, so that all do whatever fails: of one runner, or (p_runner null) of every one. Runners obey with their next heartbeat; release_breaker undoes it. The reason is recorded. Safe to repeat. An open queue breaker stops claims and reports and keeps leases; an open database breaker stops heartbeats, so that others take over what a runner holds. Raises TK002 (no such breaker), 22023 (bad position, no reason).';
