create or replace function tasker._limit (p_name text)
  returns integer
  language sql
  stable
begin atomic
-- A limit as it is set now. Not for the hot path: a check of a value looks here only when it is
-- over the least that may be set.
select bound.value from tasker.limits as bound where bound.name = p_name;
end;

comment on function tasker._limit is 'A limit (list_limits) as it is set now.';
