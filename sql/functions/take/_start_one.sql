create or replace function tasker._start_one (
  p_step_id      bigint,
  p_namespace_id integer,
  p_handlers     text[],
  p_token        uuid,
  p_now          timestamptz,
  out step_ids   bigint[],
  out begun      bigint[],
  out wide       bigint[],
  out seconds    integer,
  out wrong      bigint[],
  out rest       bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- _start_steps for one step: no sorting, no grouping.
--
-- Returns  as _start_steps
-- Locks    the step, then the task that begins with it
-- Calls    _serves
declare
  v_template integer;
  v_is_ours  boolean;
  v_parents  integer;
begin
  step_ids := '{}';
  update tasker.steps as step
     set state       = 'in_progress',
         attempt     = step.attempt + 1,
         claim_token = p_token,
         started_at  = p_now
   where step.step_id = p_step_id
     and step.state = 'enqueued'
     and step.xmax = 0
  returning step.template_id into v_template;
  if v_template is null then
    rest := array[p_step_id];
    return;
  end if;
  select link.namespace_id = p_namespace_id and tasker._serves(p_handlers, link.handler),
         cardinality(link.parents),
         link.timeout_seconds + 5
    into v_is_ours, v_parents, seconds
    from tasker.template_steps as link
   where link.template_id = v_template
     and link.step_no = tasker._step_no(p_step_id);
  if v_is_ours and v_parents = 0 then
    update tasker.tasks as task
       set state = 'in_progress', started_at = p_now
     where task.task_id = tasker._task_of(p_step_id)
       and task.state = 'pending'
       and task.xmax = 0;
    if found then
      begun := array[tasker._id_of_task(tasker._task_of(p_step_id))];
    else
      v_is_ours := not exists (
        select from tasker.tasks as task
         where task.task_id = tasker._task_of(p_step_id)
           and task.state = 'pending'
           and task.xmax <> 0);
    end if;
  end if;
  if not v_is_ours then
    wrong   := array[p_step_id];
    rest    := wrong;
    seconds := null;
    return;
  end if;
  step_ids := array[p_step_id];
  if v_parents > 8 then
    wide := step_ids;
  end if;
end;
$$;

comment on function tasker._start_one is 'Marks one popped step as in_progress under a token, after re-checking it in the tables.';
