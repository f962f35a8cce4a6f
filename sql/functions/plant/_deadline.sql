create or replace function tasker._deadline (
  p_template tasker.task_templates,
  p_options  jsonb,
  p_now      timestamptz
)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- By when tasks that are made now are to be done: what the option says, a moment or a length of
-- time, else what their template says. A length counts from when they begin.
--
-- Returns  null when they may take for ever
-- Calls    _check_deadline
declare
  v_asked record;
begin
  if p_template.deadline_seconds is null and not p_options ? 'deadline' then
    return null;
  end if;
  v_asked := tasker._check_deadline(p_options -> 'deadline');
  return coalesce(
    v_asked.at,
    greatest((p_options ->> 'run_at')::timestamptz, p_now)
    + make_interval(secs => coalesce(v_asked.seconds, p_template.deadline_seconds)));
end;
$$;

comment on function tasker._deadline is 'By when tasks that are made now are to be done; null: there is no such moment.';
