create or replace function tasker._check_since (p_since timestamptz)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Guards the moment from which a question looks at history.
--
-- Returns  now
-- Raises   22023 when it is null, endless or in the future
declare
  v_now constant timestamptz := tasker._now();
begin
  if (isfinite(p_since) and p_since <= v_now) is not true then
    raise exception 'a moment in the past is needed'
      using errcode = '22023', detail = format('since is %s', coalesce(p_since::text, 'null'));
  end if;
  return v_now;
end;
$$;

comment on function tasker._check_since is 'Guards the moment from which a question looks at history; returns now. Raises 22023.';
