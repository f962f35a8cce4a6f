create or replace function tasker.put_schedule (
  p_namespace  text,
  p_name       text,
  p_definition jsonb
)
  returns table (
    namespace text, name text, created boolean, changed boolean, next_tick timestamptz
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Makes a schedule, or changes one. What was decided is kept, and never decided again; ticks that
-- are due when it changes are missed.
--
-- Returns  one row; changed is false when the schedule is as it was
-- Raises   TK002 unknown namespace, template or version; TK006, 22023 naming what is wrong
-- Locks    the schedule
-- Calls    _namespace_id, _schedule_definition, _template, _check_contexts, _schedule_context,
--          _next_tick, _note_missed
#variable_conflict use_column
declare
  v_now          constant timestamptz := tasker._now();
  v_namespace_id constant integer := tasker._namespace_id(p_namespace);
  v_key          constant text := p_namespace || '/' || p_name;
  v_plan         constant jsonb := tasker._schedule_definition(p_definition);
  v_starts       constant timestamptz :=
    (v_plan ->> 'starts_at')::timestamptz - interval '1 microsecond';
  v_template     tasker.task_templates%rowtype;
  v_had          tasker.schedules%rowtype;
  v_until        timestamptz := coalesce(v_starts, v_now);
  v_next         record;
begin
  if (p_name ~ '^[A-Za-z][A-Za-z0-9_.-]{0,99}$') is not true then
    raise exception 'bad name of a schedule'
      using errcode = '22023',
            detail  = format('got %s, need a letter, then up to 99 letters, digits and _ . -',
                             coalesce(quote_literal(left(p_name, 120)), 'null'));
  end if;
  v_template := tasker._template(p_namespace, v_plan ->> 'template', v_plan ->> 'version');
  perform tasker._check_contexts(array[tasker._schedule_context(p_name, v_plan, v_now)],
                                 v_template.input_schema);
  v_next := tasker._next_tick(v_key, v_plan, v_until);
  loop
    insert into tasker.schedules (namespace_id, name, definition, decided_until, next_tick, delay,
                                  created_at)
    values (v_namespace_id, p_name, v_plan, v_until, v_next.next_tick, v_next.delay, v_now)
    on conflict on constraint a_schedule_has_a_name_of_its_own do nothing;
    if found then
      return query select p_namespace, p_name, true, true, v_next.next_tick;
      return;
    end if;
    select schedule.* into v_had from tasker.schedules as schedule
     where schedule.namespace_id = v_namespace_id and schedule.name = p_name
       for no key update;
    exit when found;  -- else it was dropped just now
  end loop;
  if v_had.definition = v_plan then
    return query select p_namespace, p_name, false, false, v_had.next_tick;
    return;
  end if;

  if v_had.next_tick <= v_now then
    v_had.last_tick    := coalesce(tasker._note_missed(v_had, v_now, v_now), v_had.last_tick);
    v_had.last_outcome := 'missed';
  end if;
  v_until := greatest(v_now, v_had.last_tick, v_starts);
  v_next  := tasker._next_tick(v_key, v_plan, v_until);
  update tasker.schedules as schedule
     set definition = v_plan, decided_until = v_until, next_tick = v_next.next_tick,
         delay = v_next.delay, last_tick = v_had.last_tick, last_outcome = v_had.last_outcome
   where schedule.schedule_id = v_had.schedule_id;
  return query select p_namespace, p_name, false, true, v_next.next_tick;
end;
$$;

comment on function tasker.put_schedule is
'Makes a schedule, which makes tasks of a template at times of its own, or changes one. The definition: {"template", "version" (default: the highest at the tick), one of "cron" (five fields, or an array of such lines), "every" (a duration) and "at" (an array of times), "time_zone" (UTC), "context", "options" (of create_task, without idempotency_key and version), "missed" (one, all, skip), "catch_up" (how late a missed tick may be made: P1D for all, without end for one), "overlap" (allow, skip, queue, cancel), "jitter" (a duration), "starts_at", "ends_at", "description"}. The task''s context gets "schedule": {"name", "tick_at", "wall"}. The same definition again answers changed = false; a change keeps what was decided and begins after now. next_tick is null when no more come. Raises TK002 (unknown namespace, template or version), TK006, 22023 (what is wrong, and what would be right).';
