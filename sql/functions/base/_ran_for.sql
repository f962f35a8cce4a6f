create or replace function tasker._ran_for (
  p_started_at timestamptz,
  p_ended_at   timestamptz,
  p_seconds    real
)
  returns interval
  language sql
  immutable
begin atomic
-- How long an attempt's handler ran: as long as its worker measured, at most from its claim to its
-- end; and where nobody measured, all of that. Nothing where the clock went back meanwhile.
select case when p_ended_at < p_started_at then interval '0'
            when p_seconds < extract(epoch from p_ended_at - p_started_at)
              then p_seconds * interval '1 second'
            else p_ended_at - p_started_at end;
end;

comment on function tasker._ran_for is 'How long an attempt''s handler ran: what its worker measured, else the time from its claim to its end.';
