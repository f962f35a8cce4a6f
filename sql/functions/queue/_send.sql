create or replace function tasker._send (
  p_step_ids     bigint[],
  p_template_ids integer[],
  p_priorities   smallint[],
  p_now          timestamptz,
  p_wake         boolean default true
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Sends pointers to enqueued steps to their queues, of whatever namespaces and priorities, in the
-- order of the queues' names.
--
-- Calls    _queue_of, _push_queue, _wake
declare
  v_batch record;
begin
  for v_batch in
    select link.namespace_id,
           tasker._queue_of(link.queue, kind.priority) as queue,
           array_agg(own.step_id order by own.step_id) as step_ids,
           exists (select from tasker.waiters) as is_waited
      from (select entry.template_id, tasker._step_no(entry.step_id) as step_no, entry.priority,
                   array_agg(entry.step_id) as step_ids
              from unnest(p_step_ids, p_template_ids, p_priorities)
                     as entry (step_id, template_id, priority)
             group by 1, 2, 3) as kind
     cross join lateral (
           select link.namespace_id, link.queue
             from tasker.template_steps as link
            where link.template_id = kind.template_id
              and link.step_no = kind.step_no
            limit 1
           ) as link
     cross join unnest(kind.step_ids) as own (step_id)
     group by 1, 2
     order by 1, 2
  loop
    p_now := tasker._push_queue(v_batch.queue, v_batch.step_ids, p_now);
    if p_wake and v_batch.is_waited then
      perform tasker._wake(v_batch.namespace_id, 1, p_now);
    end if;
  end loop;
end;
$$;

comment on function tasker._send is 'Sends pointers to enqueued steps to their namespaces'' queues, set-wise, and wakes idle workers.';
