create or replace function tasker._park (
  p_step_ids bigint[], p_place tasker.place, p_now timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Lets enqueued steps wait for a worker that has their handler, and wakes all idle ones: one of
-- them may. Their pointers do not go back into the queue, so nobody comes upon them again.
--
-- Calls    _wake
begin
  insert into tasker.parked_steps (step_id, namespace_id, handler, priority)
  select step.step_id, link.namespace_id, link.handler, step.priority
    from tasker.steps as step
   cross join lateral (
         select link.namespace_id, link.handler from tasker.template_steps as link
          where link.template_id = step.template_id
            and link.step_no = tasker._step_no(step.step_id)
          limit 1) as link
   where step.step_id = any (p_step_ids)
   order by step.step_id
      on conflict (step_id) do nothing;
  if p_place.is_waited then
    perform tasker._wake(p_place.namespace_id, null, p_now);
  end if;
end;
$$;

comment on function tasker._park is 'Lets enqueued steps wait for a worker that has their handler.';
