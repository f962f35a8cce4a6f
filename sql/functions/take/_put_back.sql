create or replace function tasker._put_back (p_step_ids bigint[], p_now timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Puts pointers back into their queues that were taken off them, but whose steps somebody else
-- holds just now. Nobody is woken: idle workers would spin until the holder is done.
--
-- Calls    _send
declare
  v_ids        bigint[];
  v_templates  integer[];
  v_priorities smallint[];
begin
  select array_agg(step.step_id order by step.step_id),
         array_agg(step.template_id order by step.step_id),
         array_agg(step.priority order by step.step_id)
    into v_ids, v_templates, v_priorities
    from tasker.steps as step
   where step.step_id = any (p_step_ids)
     and step.state = 'enqueued';
  if v_ids is not null then
    perform tasker._send(v_ids, v_templates, v_priorities, p_now, false);
  end if;
end;
$$;

comment on function tasker._put_back is 'Puts pointers back into their queues whose steps somebody else holds just now.';
