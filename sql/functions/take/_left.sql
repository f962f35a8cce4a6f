create or replace function tasker._left (p_end timestamptz, p_now timestamptz)
  returns interval
  language sql
  immutable
begin atomic
-- How much time is left until a moment, a little at least: no time at all reads as no bound.
select case when p_end is not null then greatest(p_end - p_now, interval '1 ms') end;
end;

comment on function tasker._left is 'How much time is left until a moment, 1 ms at least; null without one.';
