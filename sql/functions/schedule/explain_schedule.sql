create or replace function tasker.explain_schedule (p_namespace text, p_name text)
  returns table (
    rank integer, code text, blocks boolean, reason text, since timestamptz, until timestamptz,
    who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- When does this schedule make its next task, and what happened to the last ticks?
--
-- Returns  reasons, what blocks first
-- Raises   TK002
-- Calls    _schedule, _wall_text, _tick_note, _last_ticks, _ago
#variable_conflict use_column
declare
  v_now   constant timestamptz := tasker._now();
  v_own   constant tasker.schedules := tasker._schedule(p_namespace, p_name);
  v_zone  constant text := v_own.definition ->> 'time_zone';
  v_names constant text := format('%L, %L', p_namespace, p_name);
begin
  return query
  select row_number() over (order by said.blocks desc, said.place)::integer, said.code, said.blocks,
         said.reason, said.since, said.until, said.who, said.cure
    from (
      select 1 as place, 'schedule_paused' as code, true as blocks,
             format('paused by %s %s ago: %s', v_own.paused_by,
                    tasker._ago(v_now - v_own.paused_at), v_own.pause_reason) as reason,
             v_own.paused_at as since, null::timestamptz as until, v_own.paused_by as who,
             format('select * from tasker.resume_schedule(%s, ''<why>'')', v_names) as cure
       where v_own.paused_at is not null
       union all
      select 2, 'schedule_ended', true,
             'its plan has no more ticks'
             || coalesce(': it ended at ' || (v_own.definition ->> 'ends_at'), ''),
             v_own.last_tick, null, null,
             format('select * from tasker.put_schedule(%s, ''<definition>'')', v_names)
       where v_own.next_tick is null
       union all
      select 3, 'schedule_due', true,
             format('its tick of %s is due for %s; the next sweep decides it',
                    tasker._wall_text(v_own.next_tick, v_zone),
                    tasker._ago(v_now - v_own.due_at)),
             v_own.due_at, null, null, 'select * from tasker.sweep()'
       where v_own.due_at <= v_now and v_own.paused_at is null
       union all
      select 4, 'schedule_next', false,
             format('%s next at %s (in %s%s)%s',
                    case when v_own.paused_at is null then 'fires' else 'would fire' end,
                    tasker._wall_text(v_own.next_tick, v_zone),
                    tasker._ago(v_own.due_at - v_now),
                    case when v_own.delay > '0'
                         then ', ' || tasker._ago(v_own.delay) || ' of it jitter' else '' end,
                    ': ' || tasker._tick_note(v_own.next_tick, v_zone)),
             null, v_own.next_tick, null, null
       where v_own.due_at > v_now
       union all
      select 5, recent.code, false, recent.reason, recent.since, null, null, recent.cure
        from tasker._last_ticks(v_own, v_names) as recent
    ) as said
   order by 1;
end;
$$;

comment on function tasker.explain_schedule is
'When does this schedule make its next task, and what happened to its last ticks? Ranked reasons, what blocks first: schedule_paused, schedule_ended (no more ticks come), schedule_due (a sweep is to decide it), schedule_next, and of the last ticks tick_overlapped, tick_missed or tick_failed. Raises TK002.';
