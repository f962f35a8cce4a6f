create or replace function tasker._utc (p_at timestamptz)
  returns text
  language sql
  immutable
begin atomic
-- A moment as it stands in keys and contexts: 2026-03-29T01:00:00Z.
select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
       || case when date_trunc('second', p_at, 'UTC') = p_at then ''
               else to_char(p_at at time zone 'UTC', '.US') end
       || 'Z';
end;

comment on function tasker._utc is 'A moment as text in UTC: 2026-03-29T01:00:00Z.';
