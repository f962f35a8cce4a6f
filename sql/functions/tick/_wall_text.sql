create or replace function tasker._wall_text (p_at timestamptz, p_zone text)
  returns text
  language sql
  immutable
begin atomic
-- What a clock on the wall shows at a moment, for people: 2026-03-29 02:30 Europe/Berlin.
select to_char(p_at at time zone p_zone, 'YYYY-MM-DD HH24:MI')
       || case when extract(second from p_at) = 0 then ''
               else to_char(p_at at time zone p_zone, ':SS') end
       || ' ' || p_zone;
end;

comment on function tasker._wall_text is 'What a clock in a time zone shows at a moment, for people.';
