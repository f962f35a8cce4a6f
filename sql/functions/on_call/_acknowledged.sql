create or replace function tasker._acknowledged ()
  returns table (
    code text, subject text, severity text, amount bigint, reason text, until timestamptz,
    acknowledged_by text, acknowledged_at timestamptz
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '200ms'
as $$
-- What operators know of, until the time that they named. Behind a lock, nothing: a function that
-- returned the table's own type would wait for the lock when it is planned.
--
-- Returns  acknowledgements
#variable_conflict use_column
begin
  return query
  select known.code, known.subject, known.severity, known.amount, known.reason, known.until,
         known.acknowledged_by, known.acknowledged_at
    from tasker.acknowledgements as known
   where known.until > tasker._now() or known.until is null;
exception when lock_not_available then
  return;
end;
$$;

comment on function tasker._acknowledged is 'The acknowledgements whose time is not over; none while a lock hides them.';
