create or replace function tasker._has_queue (p_queue text)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Is the queue there with its archive, does PGMQ know it, and has that of a namespace its two
-- functions?
begin
  return to_regclass(format('pgmq.%I', 'q_' || p_queue)) is not null
         and to_regclass(format('pgmq.%I', 'a_' || p_queue)) is not null
         and exists (select from pgmq.meta as known where known.queue_name = p_queue)
         and (p_queue !~ '_queue(_high|_low)?$'
              or to_regproc(format('tasker_queues.%I', 'push_' || p_queue)) is not null
                 and to_regproc(format('tasker_queues.%I', 'pop_' || p_queue)) is not null);
end;
$$;

comment on function tasker._has_queue is 'Whether a queue is there with its functions, and PGMQ knows it.';
