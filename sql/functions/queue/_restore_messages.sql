create or replace function tasker._restore_messages (
  p_step_ids     bigint[],
  p_template_ids integer[],
  p_priorities   smallint[],
  p_enqueued     timestamptz[],
  p_before       timestamptz,
  p_now          timestamptz
)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Sends new messages for those of these steps (enqueued before p_before, as the caller saw them)
-- whose message is gone. The tables are the truth: purge, drop or lose messages, and the steps
-- still run.
--
-- Returns  how many messages were sent
-- Locks    the steps (skipping locked ones), and passes over queues that somebody locks
-- Calls    _queue_of, _lost_steps, _send
declare
  v_queue      record;
  v_lost       bigint[];
  v_templates  integer[];
  v_priorities smallint[];
  v_count      integer := 0;
begin
  for v_queue in
    select step.queue as name,
           array_agg(step.step_id order by step.step_id) as step_ids,
           array_agg(step.enqueued_at order by step.step_id) as enqueued
      from (select tasker._queue_of(link.queue, kind.priority) as queue,
                   unnest(kind.step_ids) as step_id,
                   unnest(kind.enqueued) as enqueued_at
              from (select step.template_id, tasker._step_no(step.step_id) as step_no,
                           step.priority, array_agg(step.step_id) as step_ids,
                           array_agg(step.enqueued_at) as enqueued
                      from unnest(p_step_ids, p_template_ids, p_priorities, p_enqueued)
                             as step (step_id, template_id, priority, enqueued_at)
                     group by 1, 2, 3) as kind
             cross join lateral (
                   select link.queue
                     from tasker.template_steps as link
                    where link.template_id = kind.template_id
                      and link.step_no = kind.step_no
                    limit 1) as link) as step
     group by 1
     order by 1
  loop
    begin
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
                    and (select task.paused_at is null from tasker.tasks as task
                          where task.task_id = tasker._task_of(free.step_id))
                    and (select template.paused_at is null from tasker.task_templates as template
                          where template.template_id = free.template_id)
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
    exception when lock_not_available then null;  -- somebody is at it; the next sweep looks again
    end;
  end loop;
  return v_count;
end;
$$;

comment on function tasker._restore_messages is 'Sends new messages for those of these steps whose message is gone and that are not paused. Returns how many.';
