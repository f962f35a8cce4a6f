create or replace function tasker._place_steps (
  p_step_ids bigint[],
  p_states   tasker.step_state[],
  p_now      timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Gives steps that enter (in order) the states that were decided, and sends those that may run.
--
-- Locks    nothing: the caller has written the rows
-- Calls    _send
declare
  v_run        bigint[];
  v_templates  integer[];
  v_priorities smallint[];
begin
  with changed as (
    update tasker.steps as step
       set state       = p_states[width_bucket(step.step_id, p_step_ids)],
           enqueued_at = case when p_states[width_bucket(step.step_id, p_step_ids)] = 'enqueued'
                              then p_now end,
           finished_at = case when p_states[width_bucket(step.step_id, p_step_ids)]
                                   not in ('enqueued', 'waiting') then p_now end
     where step.step_id = any (p_step_ids)
    returning step.step_id, step.template_id, step.priority, step.state
  )
  select array_agg(changed.step_id order by changed.step_id),
         array_agg(changed.template_id order by changed.step_id),
         array_agg(changed.priority order by changed.step_id)
    into v_run, v_templates, v_priorities
    from changed
   where changed.state = 'enqueued';
  if v_run is not null then
    perform tasker._send(v_run, v_templates, v_priorities, p_now);
  end if;
end;
$$;

comment on function tasker._place_steps is 'Gives steps that enter the states that were decided, and sends those that may run.';
