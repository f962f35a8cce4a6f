create or replace function tasker.wait_task (
  p_task_uuid uuid,
  p_for       interval default '5 seconds'
)
  returns table (task_uuid uuid, state text, finished_at timestamptz)
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
-- Waits until a task has ended, or for p_for. It looks again and again, after 5 ms at first and
-- 250 ms in the end, and needs no channel: it works through any pooler. A transaction that keeps
-- its snapshot (repeatable read, serializable) would never see the end, so there it does not wait.
--
-- Returns  one row: the task's state, finished_at null when it has not ended
-- Raises   TK002 unknown task, 22023 for null, or for a time outside 0 to 10 seconds
-- Calls    _task_id
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_left    interval := coalesce(p_for, '5 seconds');
  v_pause   interval := interval '5 milliseconds';
  v_task    record;
begin
  if (v_left between interval '0' and interval '10 seconds') is not true then
    raise exception 'a call waits for 0 to 10 seconds'
      using errcode = '22023',
            detail  = format('got %s', p_for),
            hint    = 'It holds a snapshot while it waits, so call it again and again instead.';
  end if;
  loop
    select task.state, task.finished_at into v_task
      from tasker.tasks as task
     where task.task_id = v_task_id;
    exit when v_task.finished_at is not null
           or v_left <= interval '0'
           or current_setting('transaction_isolation') not like 'read %';
    v_pause := least(v_pause, v_left);
    perform pg_sleep_for(v_pause);
    v_left  := v_left - v_pause;
    v_pause := least(v_pause * 1.3, interval '250 milliseconds');
  end loop;
  return query select p_task_uuid, v_task.state::text, v_task.finished_at;
end;
$$;

comment on function tasker.wait_task is
'Waits until a task has ended, at most for p_for (0 to 10 seconds; 5 when null), and returns its state; finished_at is null when it has not ended. It holds a connection and a snapshot while it waits, so wait longer by calling it again. Do not create the task in the same transaction: nobody can work on it before that commits. At repeatable read and serializable it does not wait, because no commit could be seen. task_results has the results. Raises TK002 (unknown task), 22023 (null task, time out of range).';
