create or replace function tasker._wait_until (p_step_id bigint, p_wait jsonb, p_now timestamptz)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- When a wait that opens now is over at the latest. A step whose document has no such moment fails
-- at once (_wait_end says why).
--
-- Returns  null when it may last for ever; -infinity when there is no such moment
-- Calls    _moment
begin
  return least(
    case when p_wait ? 'seconds'
           then p_now + make_interval(secs => (p_wait ->> 'seconds')::double precision)
         when p_wait ? 'at' then (p_wait ->> 'at')::timestamptz
         when p_wait ? 'moment'
           then coalesce((select own.at from tasker._moment(p_step_id, p_wait -> 'moment') as own),
                         '-infinity') end,
    p_now + make_interval(secs => (p_wait ->> 'timeout')::double precision));
end;
$$;

comment on function tasker._wait_until is 'When a wait that opens now is over at the latest; null: never.';
