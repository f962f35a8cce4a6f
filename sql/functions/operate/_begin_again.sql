create or replace function tasker._begin_again (
  p_step     tasker.steps,
  p_fresh    boolean,
  p_deadline jsonb,
  p_now      timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What an operator's retry changes beside a step's row: it starts over (p_fresh), or goes on from
-- its checkpoint; its clocks, if it failed, begin again; its task may get another deadline.
--
-- Raises   TK003 when the deadline of its task has passed, and no other one is given; 22023
-- Locks    the alarms; the caller holds the step and the task
-- Calls    _set_alarms, _check_deadline, _move_deadline
declare
  v_is_failed constant boolean := p_step.state = 'error';
  v_task_id   constant bigint := tasker._task_of(p_step.step_id);
  v_asked     constant record := tasker._check_deadline(p_deadline);
  v_deadline  constant timestamptz := (
    select task.deadline from tasker.tasks as task where task.task_id = v_task_id);
begin
  if p_fresh then
    delete from tasker.checkpoints as saved where saved.step_id = p_step.step_id;
  elsif p_step.has_checkpoint and v_is_failed then
    update tasker.checkpoints as saved set excused = 0, unlucky = 0
     where saved.step_id = p_step.step_id;
  end if;
  if p_deadline is not null then
    perform tasker._move_deadline(
      v_task_id, coalesce(v_asked.at, p_now + make_interval(secs => v_asked.seconds)));
  elsif v_is_failed and v_deadline <= p_now then
    raise exception 'the deadline of the task has passed'
      using errcode = 'TK003',
            detail  = format('it was %s', v_deadline),
            hint    = 'Give it another one: p_options => ''{"deadline": "PT1H"}''; or take it away '
                      'with set_deadline.';
  end if;
  if v_is_failed then
    perform tasker._set_alarms(array[p_step.step_id], p_now);
  end if;
end;
$$;

comment on function tasker._begin_again is 'What an operator''s retry changes beside a step''s row. Raises TK003, 22023.';
