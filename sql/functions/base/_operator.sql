create or replace function tasker._operator (
  p_verb    text,
  p_subject text,
  p_reason  text,
  p_now     timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Writes down what an operator does, and why.
--
-- Raises   22023 without a reason
-- Calls    _check_reason
begin
  perform tasker._check_reason(p_reason);
  insert into tasker.operator_actions (at, verb, subject, reason)
  values (p_now, p_verb, p_subject, p_reason);
end;
$$;

comment on function tasker._operator is 'Writes down an operator''s action with its reason. Raises 22023 without one.';
