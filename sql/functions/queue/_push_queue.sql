create or replace function tasker._push_queue (p_queue text, p_step_ids bigint[], p_now timestamptz)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Puts pointers to enqueued steps into one queue. A queue that was dropped is passed over: the
-- sweep makes it again and restores its messages.
--
-- Returns  p_now
-- Locks    the queue against being dropped
begin
  if to_regproc(format('tasker_queues.%I', 'push_' || p_queue)) is not null then
    execute format('select tasker_queues.%I($1, $2)', 'push_' || p_queue) using p_step_ids, p_now;
  end if;
  return p_now;
end;
$$;

comment on function tasker._push_queue is 'Puts pointers to enqueued steps into one queue. Returns p_now.';
