create or replace function tasker.plan_backfill (
  p_namespace text,
  p_name      text,
  p_from      timestamptz,
  p_to        timestamptz
)
  returns table (
    plan_uuid uuid, ticks bigint, already bigint, first_tick timestamptz, last_tick timestamptz
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Says which ticks of a schedule between two moments, both included, have made no task, and makes
-- none yet: apply_repair does.
--
-- Returns  one row; plan_uuid is null when there are none
-- Raises   TK002, TK006 for more than sweep_rows, 22023 for bounds that are not in the past
-- Calls    _schedule, _backfill_ticks, _check_amount, _utc, _now
#variable_conflict use_column
declare
  v_now      constant timestamptz := tasker._now();
  v_schedule constant tasker.schedules := tasker._schedule(p_namespace, p_name);
  v_filter   constant jsonb := jsonb_build_object(
    'namespace', p_namespace, 'schedule', p_name,
    'from', tasker._utc(p_from), 'to', tasker._utc(p_to));
  v_ids      bigint[];
begin
  if (p_from >= '0001-01-01Z' and p_from <= p_to and p_to <= v_now) is not true then
    raise exception 'a backfill needs two moments in the past'
      using errcode = '22023',
            detail  = format('got %s to %s, now is %s', coalesce(p_from::text, 'null'),
                             coalesce(p_to::text, 'null'), v_now);
  end if;
  v_ids := tasker._backfill_ticks(v_filter);
  perform tasker._check_amount(cardinality(v_ids), 'the backfill', 'sweep_rows');
  if v_ids <> '{}' then
    insert into tasker.repair_plans (plan_uuid, verb, filter, result, ids, planned_at)
    values (gen_random_uuid(), 'backfill_schedule', v_filter, v_filter, v_ids, v_now)
    returning repair_plans.plan_uuid into plan_uuid;
  end if;
  ticks      := cardinality(v_ids);
  first_tick := timestamptz 'epoch' + v_ids[1] * interval '1 microsecond';
  last_tick  := timestamptz 'epoch' + v_ids[ticks] * interval '1 microsecond';
  select count(*) into already
    from tasker.schedule_ticks as tick
   where tick.schedule_id = v_schedule.schedule_id
     and tick.tick_at between p_from and p_to
     and tick.outcome in ('created', 'backfilled', 'queued');
  return next;
end;
$$;

comment on function tasker.plan_backfill is
'Plans the tasks that a schedule would have made between two moments in the past, both included, and makes none yet: how many ticks have no task, how many have one already, the first and the last of those that have none. Give plan_uuid (null: nothing is to be done) to apply_repair within a day, which makes them as slowly as you like, whatever "missed" and "overlap" say. Raises TK002, TK006 (more than sweep_rows), 22023 (not in the past).';
