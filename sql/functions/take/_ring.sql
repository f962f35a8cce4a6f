create or replace function tasker._ring (
  p_kind     text,
  p_step_ids bigint[],
  p_now      timestamptz
)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Rings alarms of one kind. An alarm that is gone by the time its step is locked, or that was set
-- again, is none: the first one has decided. What a kind does stands here, and nowhere else.
--
-- Returns  how many rang
-- Locks    the steps in id order (skipping locked ones), then what follows from their end; of
--          deadlines as _pass_deadline
-- Calls    _pass_deadline, _end_waits, _enqueue_due, _expire_steps, _record
declare
  v_ids bigint[];
  v_log record;
begin
  if p_kind = 'deadline' then
    return (select sum(tasker._pass_deadline(tasker._task_of(id), p_now))
              from (select id from unnest(p_step_ids) as id order by id) as due);
  end if;
  v_ids := array(
    select step.step_id from tasker.steps as step
     where step.step_id = any (p_step_ids)
     order by step.step_id
       for no key update skip locked);
  with rung as (
    delete from tasker.alarms as alarm
     where alarm.step_id = any (v_ids)
       and alarm.kind = p_kind
       and alarm.due_at <= p_now
    returning alarm.step_id
  )
  select coalesce(array_agg(rung.step_id order by rung.step_id), '{}') into v_ids from rung;
  if v_ids = '{}' then
    return 0;
  end if;
  case p_kind
    when 'wait' then
      v_log := tasker._end_waits(v_ids, p_now);
      perform tasker._record(v_log.ids, v_log.changes, 'engine', 'its time has come', p_now);
    when 'check' then
      perform tasker._enqueue_due(v_ids, 'engine', 'its condition is looked at again', p_now);
    else
      v_log := tasker._expire_steps(p_kind, v_ids, p_now);
      perform tasker._record(v_log.ids, v_log.changes, 'engine', p_kind, p_now);
  end case;
  return cardinality(v_ids);
end;
$$;

comment on function tasker._ring is 'Rings alarms of one kind: does what the moment means for its steps. Returns how many rang.';
