create or replace function tasker._check_wanted (p_wanted tasker.wanted, p_least integer)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Checks the arguments of a claim one by one.
--
-- Raises   22023 naming the argument and what would be right
-- Calls    _check_worker, _check_count, _check_lease
begin
  perform tasker._check_worker(p_wanted.worker);
  perform tasker._check_count(p_wanted.most, p_least, 'steps_per_call');
  perform tasker._check_lease(p_wanted.lease);
  if p_wanted.wait is not null then
    perform tasker._check_lease(p_wanted.wait);
  end if;
  if p_wanted.handlers is not null then
    perform tasker._check_count(cardinality(p_wanted.handlers), 0, 'rows_per_call');
    if array_ndims(p_wanted.handlers) > 1
       or array_position(p_wanted.handlers, null) is not null then
      raise exception 'handlers are a list of names'
        using errcode = '22023',
              detail  = format('got %s', left(p_wanted.handlers::text, 100)),
              hint    = 'null stands for all handlers, ''sql:*'' for all that are written in SQL.';
    end if;
  end if;
end;
$$;

comment on function tasker._check_wanted is 'Checks the arguments of a claim one by one. Raises 22023.';
