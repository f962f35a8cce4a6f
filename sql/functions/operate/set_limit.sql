create or replace function tasker.set_limit (p_name text, p_value bigint, p_reason text)
  returns table (name text, value integer, previous integer, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Changes a limit, from the next call on. What was let in before stays.
--
-- Returns  one row; changed is false when it was set so already
-- Raises   TK002 unknown limit, 22023 outside of its bounds, or without a reason
-- Locks    the limit
-- Calls    _check_reason, _operator
#variable_conflict use_column
declare
  v_bound tasker.limits%rowtype;
begin
  perform tasker._check_reason(p_reason);
  select bound.* into v_bound from tasker.limits as bound where bound.name = p_name for update;
  if not found then
    raise exception 'limit not found'
      using errcode = 'TK002',
            detail  = format('limit %s', coalesce(quote_literal(left(p_name, 100)), 'null')),
            hint    = 'list_limits shows all.';
  elsif (p_value between v_bound.minimum and v_bound.maximum) is not true then
    raise exception 'a limit stays within its bounds'
      using errcode = '22023',
            detail  = format('%s is %s, need %s to %s', p_name, coalesce(p_value::text, 'null'),
                             v_bound.minimum, v_bound.maximum);
  end if;
  if p_value <> v_bound.value then
    update tasker.limits as bound set value = p_value where bound.name = p_name;
    perform tasker._operator('set_limit', format('%s = %s', p_name, p_value), p_reason,
                             tasker._now());
  end if;
  return query select p_name, p_value::integer, v_bound.value, p_value <> v_bound.value;
end;
$$;

comment on function tasker.set_limit is
'Changes one of list_limits, for a reason that is recorded; it holds from the next call on, and what was let in before stays. Safe to repeat. Raises TK002 (unknown limit), 22023 (outside of its bounds, or no reason).';
