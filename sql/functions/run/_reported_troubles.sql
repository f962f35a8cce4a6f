create or replace function tasker._reported_troubles (p_troubles jsonb)
  returns table (
    code      text,
    message   text,
    times     bigint,
    since_ago double precision
  )
  language sql
  immutable
begin atomic
-- What a runner met of late and cannot deal with itself, as rows.
--
-- Raises   22023, 22P02 when they are none
select reported.*
  from pg_catalog.jsonb_to_recordset(p_troubles) as reported (
         code text, message text, times bigint, since_ago double precision);
end;

comment on function tasker._reported_troubles is 'The troubles in a runner''s report, as rows.';
