create or replace function tasker.list_schedules (
  p_namespace text   default null,
  p_limit     bigint default 100
)
  returns table (
    namespace text, name text, template text, version text, cron text[], every text,
    time_zone text, missed text, overlap text, next_tick timestamptz, last_tick timestamptz,
    last_outcome text, paused_at timestamptz, open_tasks bigint, paused_by text, pause_reason text,
    description text, definition jsonb
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The schedules of a namespace, or of all.
--
-- Returns  up to p_limit, by name
-- Raises   TK002 unknown namespace, 22023 for a limit outside 1 to rows_per_call
-- Calls    _namespace_id, _check_count
#variable_conflict use_column
declare
  v_namespace_id constant integer := case when p_namespace is not null
                                          then tasker._namespace_id(p_namespace) end;
begin
  p_limit := coalesce(p_limit, 100);
  perform tasker._check_count(p_limit, 1, 'rows_per_call');
  return query
  select namespace.name, schedule.name, plan ->> 'template', plan ->> 'version',
         case jsonb_typeof(plan -> 'cron')
           when 'array' then array(select jsonb_array_elements_text(plan -> 'cron'))
           when 'string' then array[plan ->> 'cron'] end,
         plan ->> 'every', plan ->> 'time_zone', plan ->> 'missed', plan ->> 'overlap',
         schedule.next_tick, schedule.last_tick, schedule.last_outcome, schedule.paused_at,
         (select count(*)
            from tasker.schedule_ticks as tick
            join tasker.open_tasks as open on open.task_id = tick.task_id
           where tick.schedule_id = schedule.schedule_id and tick.is_open),
         schedule.paused_by, schedule.pause_reason, plan ->> 'description', plan
    from tasker.schedules as schedule
    join tasker.namespaces as namespace on namespace.namespace_id = schedule.namespace_id
   cross join lateral (select schedule.definition as plan) as defined
   where v_namespace_id is null or schedule.namespace_id = v_namespace_id
   order by namespace.name, schedule.name
   limit p_limit;
end;
$$;

comment on function tasker.list_schedules is
'The schedules of a namespace, or of all (null), by name: what each makes and when, the next tick (null: no more come), the last one and what happened to it, who paused it, and how many of its tasks are open. definition is as put_schedule takes it. Raises TK002 (unknown namespace), 22023 (bad limit).';
