create or replace function tasker._reset_below (
  p_step_id   bigint,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- An operator makes an ended step of a gated template open again: all below it that has ended is
-- pending again, as if it had never run, and what waits for it is counted again. History stays. The
-- caller makes the step itself open in the same transaction.
--
-- Returns  the changes to record
-- Raises   TK003 while something below is enqueued, runs or waits, or was cancelled with its task
-- Locks    what is below in id order, then the task
-- Calls    _ago
declare
  v_task  constant bigint := tasker._id_of_task(tasker._task_of(p_step_id));
  v_below bigint[];
  v_busy  text;
  v_until timestamptz;
begin
  with recursive below as (
    select p_step_id as step_id
    union
    select v_task + child_no
      from below
      join tasker.steps as step on step.step_id = below.step_id
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(below.step_id)
     cross join unnest(link.children) as child_no
     where child_no <> 0
  )
  select array_agg(below.step_id order by below.step_id) filter (where below.step_id <> p_step_id)
    into v_below
    from below;
  v_below := coalesce(v_below, '{}');
  perform from tasker.steps as step
    where step.step_id = any (v_below) order by step.step_id for no key update;
  select string_agg(format('%s is %s', link.name, step.state), ', ' order by step.step_id),
         max(coalesce(claim.lease_until, timer.due_at, wait.until))
    into v_busy, v_until
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
    left join tasker.claims as claim on claim.token = step.claim_token
    left join tasker.timers as timer on timer.step_id = step.step_id
    left join tasker.waits as wait on wait.step_id = step.step_id
   where step.step_id = any (v_below)
     and step.state in ('enqueued', 'in_progress', 'waiting_for_retry', 'waiting');
  if v_busy is not null then
    raise exception 'its failure is being handled'
      using errcode = 'TK003',
            detail  = v_busy,
            hint    = 'Wait until these have ended'
                      || coalesce(' (a lease, backoff or wait of theirs ends at ' || v_until
                                  || ')', '') || ', or cancel the task.';
  end if;

  if exists (select from tasker.steps as step
              where step.step_id = any (v_below) and step.state = 'cancelled') then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail  = 'its task was cancelled or resolved, with all below it';
  end if;

  with reset as (
    update tasker.steps as step
       set state = 'pending', attempt = 0, claim_token = null, enqueued_at = null,
           started_at = null, finished_at = null, seconds = null, result = null,
           has_checkpoint = null
      from (select own.step_id, own.state from tasker.steps as own
             where own.step_id = any (v_below) and own.state <> 'pending') as was
     where step.step_id = was.step_id
    returning step.step_id, was.state
  )
  select coalesce(array_agg(reset.step_id order by reset.step_id), '{}'),
         coalesce(array_agg(format('step %s -> pending', reset.state)::tasker.transition
                            order by reset.step_id), '{}')
    into ids, changes
    from reset;
  delete from tasker.decisions as decision where decision.step_id = any (ids);
  update tasker.signals as signal set taken_by = null, spent = null
   where signal.task_id = tasker._task_of(v_task) and signal.taken_by = any (ids);
  delete from tasker.dead_steps as dead where dead.step_id = any (ids);
  delete from tasker.checkpoints as saved where saved.step_id = any (ids);
  perform tasker._recount(p_step_id, v_below);
end;
$$;

comment on function tasker._reset_below is 'Makes all pending again that has ended below a step. Raises TK003.';
