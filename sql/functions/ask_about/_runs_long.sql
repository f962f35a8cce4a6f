create or replace function tasker._runs_long (
  p_started_at      timestamptz,
  p_timeout_seconds integer,
  p_now             timestamptz
)
  returns boolean
  language sql
  immutable
begin atomic
-- Has an attempt run for longer than it should: a minute over its timeout, or ten minutes?
select p_started_at < p_now - make_interval(secs => coalesce(p_timeout_seconds + 60, 600));
end;

comment on function tasker._runs_long is 'Whether an attempt has run for a minute longer than its timeout, or for ten minutes if it has none.';
