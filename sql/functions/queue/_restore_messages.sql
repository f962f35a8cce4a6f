create or replace function tasker._restore_messages (
  p_task_ids bigint[],
  p_before   timestamptz,
  p_now      timestamptz
)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Sends new messages for steps that were enqueued before p_before and whose message is gone. The
-- tables are the truth: purge, drop or lose messages, and the steps still run.
--
-- Returns  how many messages were sent
-- Locks    the steps (skipping locked ones)
-- Calls    _queue_of, _lost_steps, _send
declare
  v_queue      record;
  v_lost       bigint[];
  v_templates  integer[];
  v_priorities smallint[];
  v_count      integer := 0;
begin
  for v_queue in
    select tasker._queue_of(link.queue, step.priority) as name,
           array_agg(step.step_id order by step.step_id) as step_ids,
           array_agg(step.enqueued_at order by step.step_id) as enqueued
      from unnest(p_task_ids) as task (task_id)
      join tasker.steps as step
        on step.step_id > task.task_id << 20
       and step.step_id < (task.task_id + 1) << 20
      join tasker.template_steps as link
        on link.template_id = step.template_id
       and link.step_no = step.step_id & 1048575
     where step.state = 'enqueued'
       and step.enqueued_at < p_before
     group by 1
  loop
    v_lost := tasker._lost_steps(v_queue.name, v_queue.step_ids, v_queue.enqueued);
    continue when v_lost is null;
    with again as (
      update tasker.steps as step
         set enqueued_at = p_now
       where step.step_id = any (array(
               select free.step_id from tasker.steps as free
                where free.step_id = any (v_lost)
                  and free.state = 'enqueued'
                  and free.enqueued_at < p_before
                order by free.step_id
                  for no key update skip locked))
      returning step.step_id, step.template_id, step.priority
    )
    select array_agg(again.step_id), array_agg(again.template_id), array_agg(again.priority)
      into v_lost, v_templates, v_priorities
      from again;
    if v_lost is not null then
      perform tasker._send(v_lost, v_templates, v_priorities, p_now);
      v_count := v_count + cardinality(v_lost);
    end if;
  end loop;
  return v_count;
end;
$$;

comment on function tasker._restore_messages is 'Sends new messages for enqueued steps of these tasks whose message is gone. Returns how many.';
