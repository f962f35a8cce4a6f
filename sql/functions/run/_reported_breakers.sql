create or replace function tasker._reported_breakers (p_breakers jsonb)
  returns table (
    breaker          text,
    state            text,
    forced           text,
    failed_in_a_row  integer,
    failed_calls     bigint,
    opened           bigint,
    changed_ago      double precision,
    last_error       text,
    recoveries       bigint,
    recovery_seconds double precision
  )
  language sql
  immutable
begin atomic
-- The circuit breakers in a runner's report, as rows.
--
-- Raises   22023, 22P02 when they are none
select reported.*
  from pg_catalog.jsonb_to_recordset(p_breakers) as reported (
         breaker text, state text, forced text, failed_in_a_row integer, failed_calls bigint,
         opened bigint, changed_ago double precision, last_error text, recoveries bigint,
         recovery_seconds double precision);
end;

comment on function tasker._reported_breakers is 'The circuit breakers in a runner''s report, as rows.';
