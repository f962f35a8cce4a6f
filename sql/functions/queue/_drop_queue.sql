create or replace function tasker._drop_queue (p_queue text)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set client_min_messages = warning
as $$
-- Drops a queue with its functions, as pgmq.drop_queue does, but without PGMQ's advisory lock,
-- which anybody could hold.
begin
  execute format('drop table if exists pgmq.%I, pgmq.%I', 'q_' || p_queue, 'a_' || p_queue);
  execute format('drop function if exists tasker_queues.%I, tasker_queues.%I',
                 'push_' || p_queue, 'pop_' || p_queue);
  delete from pgmq.meta as known where known.queue_name = p_queue;
end;
$$;

comment on function tasker._drop_queue is 'Drops a PGMQ queue and its functions, if it is there.';
