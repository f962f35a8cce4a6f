create or replace function tasker._check_amount (p_amount integer, p_what text, p_limit text)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards an amount by a limit. Null is nothing, and passes.
--
-- Raises   TK006 with the amount and the limit
-- Calls    _limit
declare
  v_most constant integer := tasker._limit(p_limit);
begin
  if p_amount > v_most then
    raise exception '% is too large', p_what
      using errcode = 'TK006',
            detail  = (select format('%s %s, at most %s', p_amount, bound.unit, v_most)
                         from tasker.limits as bound
                        where bound.name = p_limit),
            hint    = format('This is the limit %s, which an operator can change with set_limit. '
                             'Large data is better kept in a table of your own.', p_limit);
  end if;
end;
$$;

comment on function tasker._check_amount is 'Guards an amount by a limit. Raises TK006 with both.';
