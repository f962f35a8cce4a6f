create or replace function tasker._seconds (p_seconds double precision)
  returns real
  language sql
  immutable
begin atomic
-- How long a handler took, as its worker says: no number is kept as none, and a clock that was set
-- meanwhile does not justify refusing a result.
select case when p_seconds = 'NaN' then null
            when p_seconds < 1e-6 then 0
            else least(p_seconds, 31536000) end::real;
end;

comment on function tasker._seconds is 'How long a handler took, as its worker says, between nothing and a year.';
