create or replace function tasker._decide_tick (
  p_schedule tasker.schedules,
  p_tick     timestamptz,
  p_now      timestamptz
)
  returns text
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Decides what becomes of a tick, and writes it down: its task is made, unless open ones of its
-- schedule stand against it. An error that is not of the moment is an answer, too.
--
-- Returns  the outcome; the one it had before, when it was decided before
-- Raises   what is of the moment: locks, a snapshot that is too old, a disk that is full, TK003
--          for a task that ended while it was being cancelled
-- Locks    as cancel_task, where tasks are cancelled
-- Calls    _open_tasks_of, cancel_task, _make_task
declare
  v_overlap constant text := p_schedule.definition ->> 'overlap';
  v_outcome text;
  v_open    bigint[];
  v_task    bigint;
  v_detail  jsonb;
  v_more    text;
begin
  select tick.outcome into v_outcome from tasker.schedule_ticks as tick
   where tick.schedule_id = p_schedule.schedule_id and tick.tick_at = p_tick;
  if found then
    return v_outcome;
  end if;
  begin
    v_open := tasker._open_tasks_of(p_schedule.schedule_id);
    if v_overlap in ('skip', 'queue') and v_open <> '{}' then
      v_outcome := case when v_overlap = 'queue' and not exists (
                               select from tasker.schedule_ticks as tick
                                where tick.schedule_id = p_schedule.schedule_id
                                  and tick.outcome = 'queued')
                        then 'queued' else 'overlapped' end;
      v_detail  := jsonb_build_object('task_uuid', (select task.task_uuid
                                                      from tasker.tasks as task
                                                     where task.task_id = v_open[1]));
    else
      if v_overlap = 'cancel' then
        perform tasker.cancel_task(task.task_uuid, 'schedule')
           from (select * from tasker.tasks as task where task.task_id = any (v_open)
                  order by task.task_id) as task;
      end if;
      v_task    := tasker._make_task(p_schedule, p_tick, p_now);
      v_outcome := 'created';
    end if;
  exception when others then
    if sqlstate ~ '^(40|53|55|57|58|TK003)' then
      raise;
    end if;
    get stacked diagnostics v_more = pg_exception_detail;
    v_task    := null;
    v_outcome := 'failed';
    v_detail  := jsonb_build_object('code', sqlstate, 'error', left(sqlerrm, 1000),
                                    'detail', left(v_more, 1000));
  end;
  insert into tasker.schedule_ticks (schedule_id, tick_at, decided_at, outcome, last_at, task_id,
                                     is_open, detail)
  values (p_schedule.schedule_id, p_tick, p_now, v_outcome, p_tick, v_task, v_task is not null,
          v_detail);
  return v_outcome;
end;
$$;

comment on function tasker._decide_tick is 'Decides what becomes of a tick, and writes it down. Returns the outcome.';
