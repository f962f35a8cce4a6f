create or replace function tasker._wall (p_at timestamptz, p_zone text)
  returns timestamptz
  language sql
  immutable
begin atomic
-- What a clock on the wall shows at a moment, written as if the wall hung in UTC.
select (p_at at time zone p_zone) at time zone 'UTC';
end;

comment on function tasker._wall is 'What a clock in a time zone shows at a moment, as if it were UTC.';
