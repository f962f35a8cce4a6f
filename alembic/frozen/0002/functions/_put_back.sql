create or replace function tasker._put_back (p_step_ids bigint[], p_now timestamptz)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Puts pointers back into their queues that were taken off them, but whose steps somebody else holds just now.
-- Nobody is woken: idle workers would spin until the holder is done.
declare
  v_batch record;
begin
  for v_batch in
    select link.queue || case step.priority when 1 then '_high' when -1 then '_low' else '' end as queue,
           array_agg(step.step_id order by step.step_id) as step_ids
      from tasker.steps as step
      join tasker.template_steps as link on link.template_id = step.template_id and link.step_no = step.step_id & 1048575
     where step.step_id = any (p_step_ids)
       and step.state = 'enqueued'
     group by 1
     order by 1
  loop
    execute format(
      'insert into pgmq.%I (enqueued_at, vt, message)
       select $2, $2, jsonb_build_object(''step_id'', step_id) from unnest($1) as step_id', 'q_' || v_batch.queue)
      using v_batch.step_ids, p_now;
  end loop;
end;
$$;

comment on function tasker._put_back is 'Puts pointers back into their queues whose steps somebody else holds just now.';
