create or replace function tasker._check_wanted_signal (
  p_task_id  bigint,
  p_value    jsonb,
  p_step_ids bigint[]
)
  returns bigint
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Finds who takes a signal, or sees that somebody may. What is stored counts against the steps that
-- take its name, where only these can take it.
--
-- Returns  the step that waits for it; null when it is to be stored
-- Raises   TK003 when nobody will ever take it, TK006 for more than signals_per_task stored, 22023
--          when a schema refuses the value
-- Calls    _refuse_signal, _check_signal_value, _check_amount
declare
  v_waiting bigint;
  v_open    bigint[];
  v_room    bigint;
  v_stored  bigint;
begin
  if exists (select from tasker.tasks as task
              where task.task_id = p_task_id and task.finished_at is not null) then
    perform tasker._refuse_signal(p_step_ids, 'the task has ended');
  end if;
  select min(step.step_id) filter (where step.state = 'waiting'),
         array_agg(step.step_id order by step.step_id),
         sum((link.features #>> '{wait,count}')::integer)
    into v_waiting, v_open, v_room
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   where step.step_id = any (p_step_ids)
     and step.finished_at is null;
  if v_open is null then
    perform tasker._refuse_signal(p_step_ids, 'every step that waits for it has ended');
  end if;
  perform tasker._check_signal_value(step_id, p_value)
     from unnest(coalesce(array[v_waiting], v_open)) as step_id;
  if v_waiting is not null then
    return v_waiting;
  end if;
  select count(*) into v_stored
    from tasker.signals as signal
   where signal.task_id = p_task_id
     and signal.taken_by is null
     and not exists (
         select from tasker.tasks as task
           join tasker.template_waits as wait on wait.template_id = task.template_id
                                             and wait.name = signal.name
           join tasker.steps as step on step.step_id = tasker._id_of_task(p_task_id) + wait.step_no
          where task.task_id = p_task_id
            and step.finished_at is null
            and step.step_id <> all (v_open));
  if v_stored >= v_room then
    perform tasker._refuse_signal(p_step_ids, 'as many are stored as these steps wait for');
  end if;
  perform tasker._check_amount(
    (select count(*) + 1 from tasker.signals as signal
      where signal.task_id = p_task_id and signal.taken_by is null)::integer,
    'the number of stored signals', 'signals_per_task');
  return null;
end;
$$;

comment on function tasker._check_wanted_signal is 'Finds who takes a signal: a step that waits, or null when one may come. Raises TK003, TK006, 22023.';
