create or replace function tasker._backoff_ms (
  p_kind    text,
  p_base_ms bigint,
  p_max_ms  bigint,
  p_attempt integer
)
  returns bigint
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- How long to wait after attempt number p_attempt failed, without jitter.
-- The factor is clamped before it is computed: 2^30 and the 45th Fibonacci number are past any cap.
--
-- Returns  milliseconds, 0 to p_max_ms
declare
  v_factor   bigint := 1;
  v_previous bigint := 1;
begin
  case p_kind
    when 'none' then
      return 0;
    when 'linear' then
      v_factor := p_attempt;
    when 'exponential' then
      v_factor := 1::bigint << least(p_attempt - 1, 30);
    when 'fibonacci' then
      for i in 3 .. least(p_attempt, 45) loop
        v_factor   := v_factor + v_previous;
        v_previous := v_factor - v_previous;
      end loop;
  end case;
  return least(p_max_ms, p_base_ms * v_factor);
end;
$$;

comment on function tasker._backoff_ms is 'Milliseconds to wait after the given failed attempt (none, linear, exponential, fibonacci), clamped, without jitter.';
