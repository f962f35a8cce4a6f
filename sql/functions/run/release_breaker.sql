create or replace function tasker.release_breaker (
  p_breaker text,
  p_reason  text,
  p_runner  text default null
)
  returns table (breaker text, runner text, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes force_breaker back: the breaker of one runner, or of every one. The next call is on trial.
-- An order for every runner leaves orders for single ones as they are.
--
-- Returns  one row; changed is false when nothing was forced
-- Raises   22023 without a reason
-- Locks    the order
-- Calls    _check_reason, _operator
#variable_conflict use_column
declare
  v_changed boolean;
begin
  perform tasker._check_reason(p_reason);
  delete from tasker.forced_breakers as wish
   where wish.breaker = p_breaker
     and wish.runner is not distinct from p_runner;
  v_changed := found;
  if v_changed then
    perform tasker._operator('release_breaker',
                             format('%s of %s', p_breaker, coalesce(p_runner, 'every runner')),
                             p_reason, tasker._now());
  end if;
  return query select p_breaker, p_runner, v_changed;
end;
$$;

comment on function tasker.release_breaker is
'Undoes force_breaker, for one runner or (p_runner null) for every one; with the next heartbeat, a call is tried. The reason is recorded. Safe to repeat. Raises 22023 (no reason).';
