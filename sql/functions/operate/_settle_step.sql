create or replace function tasker._settle_step (
  p_step_uuid uuid,
  p_to_state  tasker.step_state,
  p_result    jsonb,
  p_reason    text
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends a step by hand, as complete or resolved_manually, with all that follows from a finished
-- step. Its worker is fenced off. A task whose first step this is begins here. In a gated
-- template what is below a step that had ended is reset before.
--
-- Raises   TK002 unknown step, TK003 when it has ended or still waits for parents, TK006, 22023
-- Locks    the step, its timer, its task if that is pending (nobody holds steps of it), its
--          children, its task
-- Calls    _open_again, _forget, _advance_rarely, _waiting_for, _reopen, _record, _operator
declare
  v_step_id constant bigint := tasker._existing_step_id(p_step_uuid);
  v_now     constant timestamptz := tasker._now();
  v_step    tasker.steps%rowtype;
  v_link    tasker.template_steps%rowtype;
  v_begun   tasker.transition[];
  v_base    constant bigint := tasker._id_of_task(tasker._task_of(v_step_id));
  v_below   record;
  v_from    text;
  v_log     record;
  v_task    record;
begin
  perform tasker._check_reason(p_reason);
  perform tasker._check_json(p_result, 'the result', 'result_bytes');
  select step.* into v_step
    from tasker.steps as step
   where step.step_id = v_step_id
     for no key update;
  if v_step.state = p_to_state and v_step.result is not distinct from nullif(p_result, 'null') then
    return;
  end if;
  v_below := tasker._open_again(v_step);
  v_from  := case when v_below.ids[1] = v_step_id then 'pending' else v_step.state::text end;
  if v_from not in ('pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting', 'error')
     or v_step.waiting_parents > 0 then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail  = format('the step is %s and waits for %s parents',
                             v_step.state, v_step.waiting_parents),
            hint    = 'Only an open or failed step whose parents are done can be settled by hand.';
  end if;
  update tasker.steps as step
     set state       = p_to_state,
         result      = nullif(p_result, 'null'),
         claim_token = null,
         finished_at = v_now
   where step.step_id = v_step_id;
  delete from tasker.timers as timer where timer.step_id = v_step_id;
  delete from tasker.parked_steps as parked where parked.step_id = v_step_id;
  delete from tasker.checkpoints as saved where saved.step_id = v_step_id;
  delete from tasker.dead_steps as dead where dead.step_id = v_step_id;
  perform tasker._forget(array[v_step_id]);
  update tasker.tasks as task set state = 'in_progress', started_at = v_now
   where task.task_id = tasker._task_of(v_step_id)
     and task.state = 'pending';
  v_begun := case when found then '{task pending -> in_progress}'
                  else '{}' end::tasker.transition[];
  select link.* into v_link from tasker.template_steps as link
   where link.template_id = v_step.template_id and link.step_no = tasker._step_no(v_step_id);
  v_log  := tasker._advance_rarely(
    array[v_step_id],
    case when v_link.features is null then array(
      select v_base + child from unnest(v_link.children) as child
       where child > 0 and child <> all (v_link.special_children) order by 1) end,
    null,
    case when v_link.features is null then array(
      select v_base where 0 = any (v_link.children) and 0 <> all (v_link.special_children)) end,
    case when v_link.features is null
         then array(select v_base + child from unnest(v_link.special_children) as child) end,
    null, '{}', v_now,
    case when v_link.features is not null then tasker._waiting_for(array[v_step_id]) end);
  v_task := tasker._reopen(tasker._task_of(v_step_id), v_now);
  perform tasker._record(
    v_below.ids || v_step_id || array_fill(v_base, array[cardinality(v_begun)])
      || v_log.ids || v_task.ids,
    v_below.changes || format('step %s -> %s', v_from, p_to_state)::tasker.transition
      || v_begun || v_log.changes || v_task.changes,
    session_user, p_reason, v_now);
  perform tasker._operator(
    case p_to_state when 'complete' then 'complete_step_manually' else 'resolve_step' end,
    p_step_uuid::text, p_reason, v_now);
end;
$$;

comment on function tasker._settle_step is 'Ends a step by hand with all that follows from a finished step. Raises TK002, TK003, TK006, 22023.';
