create or replace function tasker._open_again (
  p_step      tasker.steps,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What an operator's verb on an ended step does to those below it: nothing in a plain template; in
-- a gated one they are reset. A skipped step, or one behind a failed one, is left alone when what
-- is behind it went on without it.
--
-- Returns  the changes to record; of a step that never ran, first that it is pending again
-- Raises   TK003 when one of its children has started, or its task is complete
-- Locks    what is below in id order, then the task
-- Calls    _reset_below
declare
  v_link  tasker.template_steps%rowtype;
  v_began text;
  v_log   record;
begin
  ids     := '{}';
  changes := '{}';
  select link.* into v_link from tasker.template_steps as link
   where link.template_id = p_step.template_id and link.step_no = tasker._step_no(p_step.step_id);
  if (v_link.features ? 'run_on') is not true
     or p_step.state not in ('error', 'skipped', 'upstream_failed') then
    return;
  end if;
  if p_step.state in ('skipped', 'upstream_failed') then
    select string_agg(own.name, ', ' order by own.step_no) into v_began
      from tasker.template_steps as own
      join tasker.steps as child on child.step_id = p_step.step_id - v_link.step_no + own.step_no
     where own.template_id = p_step.template_id
       and own.step_no = any (v_link.children)
       and child.started_at is not null;
    if v_began is not null or exists (
         select from tasker.tasks as task
          where task.task_id = tasker._task_of(p_step.step_id) and task.state = 'complete') then
      raise exception 'illegal transition'
        using errcode = 'TK003',
              detail  = format('the step is %s, and %s', p_step.state,
                               coalesce(v_began || ' went on without it', 'its task is complete')),
              hint    = 'What was decided is kept once something has come of it.';
    end if;
    ids     := array[p_step.step_id];
    changes := array[format('step %s -> pending', p_step.state)]::tasker.transition[];
    delete from tasker.decisions as decision
     where decision.step_id = p_step.step_id and decision.decision <> 'run';
  end if;
  v_log   := tasker._reset_below(p_step.step_id);
  ids     := ids || v_log.ids;
  changes := changes || v_log.changes;
end;
$$;

comment on function tasker._open_again is 'What an operator''s verb on an ended step does to those below it. Raises TK003.';
