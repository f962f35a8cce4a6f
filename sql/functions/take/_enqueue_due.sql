create or replace function tasker._enqueue_due (
  p_step_ids bigint[],
  p_actor    text,
  p_reason   text,
  p_now      timestamptz
)
  returns bigint[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Enqueues steps that wait for a timer or sleep, and removes their timers. About first steps that
-- enter by the gate it is decided.
--
-- Returns  the steps enqueued, or decided about
-- Locks    the steps (skipping locked ones, whose timers stay), then the timers
-- Calls    _send, _record, _enter_due
declare
  v_free       bigint[];
  v_pending    bigint[];
  v_asleep     bigint[];
  v_waiting    bigint[];
  v_gated      bigint[] := array[]::bigint[];
  v_log        record;
  v_templates  integer[];
  v_priorities smallint[];
begin
  select array_agg(step.step_id),
         array_agg(step.step_id order by step.step_id) filter (where step.state = 'pending'),
         array_agg(step.step_id) filter (where step.state = 'waiting')
    into v_free, v_pending, v_asleep
    from (select step.step_id, step.state
            from tasker.steps as step
           where step.step_id = any (p_step_ids)
           order by step.step_id
             for no key update skip locked) as step;
  delete from tasker.timers as timer where timer.step_id = any (v_free);
  if v_asleep is not null then
    delete from tasker.waits as wait where wait.step_id = any (v_asleep) and wait.kind = 'sleep';
  end if;
  if cardinality(p_step_ids) > coalesce(cardinality(v_free), 0) then
    -- some are locked; some may be no more
    delete from tasker.timers as timer
     where timer.step_id = any (p_step_ids)
       and not exists (select from tasker.steps as step where step.step_id = timer.step_id);
  end if;

  if v_pending is not null then
    v_gated := array(
      select step.step_id
        from tasker.steps as step
        join tasker.task_templates as template on template.template_id = step.template_id
       where step.step_id = any (v_pending)
         and step.waiting_parents = 0
         and template.enters
       order by step.step_id);
  end if;

  with due as (
    update tasker.steps as step
       set state = 'enqueued', enqueued_at = p_now, claim_token = null, started_at = null
     where step.step_id = any (v_free)
       and step.step_id <> all (v_gated)
       and (step.state in ('waiting_for_retry', 'waiting')
            or step.state = 'pending' and step.waiting_parents = 0)
    returning step.step_id, step.template_id, step.priority
  )
  select coalesce(array_agg(due.step_id order by due.step_id), '{}'),
         array_agg(due.template_id order by due.step_id),
         array_agg(due.priority order by due.step_id)
    into v_waiting, v_templates, v_priorities
    from due;
  if cardinality(v_waiting) > 0 then
    perform tasker._send(v_waiting, v_templates, v_priorities, p_now);
    perform tasker._record(
      v_waiting,
      array(select case when id = any (v_pending) then 'step pending -> enqueued'
                        when id = any (v_asleep) then 'step waiting -> enqueued'
                        else 'step waiting_for_retry -> enqueued' end::tasker.transition
              from unnest(v_waiting) with ordinality as due (id, position)
             order by position),
      p_actor, p_reason, p_now);
  end if;
  if v_gated <> '{}' then
    v_log := tasker._enter_due(v_gated, false, p_now);
    perform tasker._record(v_log.ids, v_log.changes, p_actor, p_reason, p_now);
  end if;
  return v_waiting || v_gated;
end;
$$;

comment on function tasker._enqueue_due is 'Enqueues steps that wait for a timer and removes their timers. Returns the steps.';
