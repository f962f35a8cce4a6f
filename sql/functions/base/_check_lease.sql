create or replace function tasker._check_lease (p_lease interval)
  returns void
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Guards a lease. (Adding a null or endless interval would never end. A month is 30 days when it is
-- compared, and whatever the calendar says when it is added: '-1 year 361 days' is more than
-- nothing and ends before it began.) No limit can be set under an hour.
--
-- Raises   22023
-- Calls    _limit
begin
  if (p_lease > interval '0'
      and extract(year from p_lease) = 0
      and extract(month from p_lease) = 0
      and (p_lease <= interval '1 hour'
           or p_lease <= tasker._limit('lease_seconds') * interval '1 second')) is not true then
    raise exception 'a lease must be longer than 0, without months, and within its limit'
      using errcode = '22023',
            detail  = format('got %s', coalesce(p_lease::text, 'null')),
            hint    = format('The most is %s seconds, the limit lease_seconds.',
                             tasker._limit('lease_seconds'));
  end if;
end;
$$;

comment on function tasker._check_lease is 'Guards a lease: longer than 0, no months, at most lease_seconds. Raises 22023.';
