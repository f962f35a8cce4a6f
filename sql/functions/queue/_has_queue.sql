create or replace function tasker._has_queue (p_queue text)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Is the queue there, and does PGMQ know it?
begin
  return to_regclass(format('pgmq.%I', 'q_' || p_queue)) is not null
         and exists (select from pgmq.meta as known where known.queue_name = p_queue);
end;
$$;

comment on function tasker._has_queue is 'Whether a queue is there, and PGMQ knows it.';
