create or replace function tasker._send_roots (
  p_step_ids    bigint[],
  p_template_id integer,
  p_priority    smallint,
  p_queues      text[],
  p_waited      integer,
  p_now         timestamptz
)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Sends the first steps of new tasks, which belong to p_queues; p_waited is their namespace, if
-- workers wait.
--
-- Returns  p_now
-- Calls    _queue_of, _push_queue, _wake; for several queues _send
begin
  if cardinality(p_queues) > 1 then
    perform tasker._send(p_step_ids, array_fill(p_template_id, array[cardinality(p_step_ids)]),
                         array_fill(p_priority, array[cardinality(p_step_ids)]), p_now);
    return p_now;
  end if;
  p_now := tasker._push_queue(tasker._queue_of(p_queues[1], p_priority), p_step_ids, p_now);
  if p_waited is not null then
    perform tasker._wake(p_waited, 1, p_now);
  end if;
  return p_now;
end;
$$;

comment on function tasker._send_roots is 'Sends the first steps of new tasks. Returns p_now.';
