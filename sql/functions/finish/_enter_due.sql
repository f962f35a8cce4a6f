create or replace function tasker._enter_due (
  p_due       bigint[],
  p_is_new    boolean,
  p_now       timestamptz,
  p_is_rest   boolean default false,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Steps enter that no end of a parent leads to: first steps of a task, when it is made or its time
-- has come, those whose parents were counted later, and (p_is_rest) undecided ones. The first of a
-- task begins it. Tasks among p_due (step_no 0) have deferred sinks.
--
-- Returns  the changes to record
-- Locks    steps, then tasks, each in id order
-- Calls    _enter_steps, _advance_tasks, _end_gated, _leave_undecided
declare
  v_gate  record;
  v_log   record;
  v_tasks bigint[] := array(select id from unnest(p_due) as id where tasker._step_no(id) = 0);
begin
  if p_is_rest then
    p_due := array(select id from unnest(p_due) as id
                    union
                   (select undecided.step_id from tasker.undecided as undecided
                     order by undecided.step_id limit 1000));
  end if;
  v_gate := tasker._enter_steps(
    '{}', array(select id from unnest(p_due) as id where tasker._step_no(id) <> 0),
    p_is_new, p_now);
  with begun as (
    update tasker.tasks as task
       set state = 'in_progress', started_at = p_now
     where task.task_id = any (
             array(select distinct tasker._task_of(id) from unnest(v_gate.ids) as id))
       and task.state = 'pending'
    returning task.task_id
  )
  select coalesce(array_agg(tasker._id_of_task(begun.task_id) order by begun.task_id), '{}')
    into ids
    from begun;
  changes := array_fill('task pending -> in_progress'::tasker.transition, array[cardinality(ids)])
             || v_gate.changes;
  ids     := ids || v_gate.ids;
  if v_gate.failed <> '{}' then
    v_log   := tasker._advance_tasks(
      '{}', '{}', '{}', null,
      array(select distinct id from unnest(v_gate.failed) as id order by 1), p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;
  if v_gate.sinks || v_tasks <> '{}' then
    v_log   := tasker._end_gated(v_gate.sinks, v_tasks, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;
  if p_is_rest then
    perform tasker._leave_undecided('{}', p_now);
  end if;
end;
$$;

comment on function tasker._enter_due is 'Steps enter that no end of a parent leads to: first, undecided and deferred ones.';
