create or replace function tasker._schedule_context (
  p_name text,
  p_plan jsonb,
  p_tick timestamptz
)
  returns jsonb
  language sql
  immutable
begin atomic
-- The context of the task that a tick makes.
select coalesce(p_plan -> 'context', '{}')
       || jsonb_build_object('schedule', jsonb_build_object(
            'name', p_name,
            'tick_at', tasker._utc(p_tick),
            'wall', rtrim(tasker._utc(tasker._wall(p_tick, p_plan ->> 'time_zone')), 'Z')));
end;

comment on function tasker._schedule_context is 'The context of the task that a tick makes.';
