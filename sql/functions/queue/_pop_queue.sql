create or replace function tasker._pop_queue (
  p_queue      text,
  p_limit      integer,
  p_floor      bigint,
  out step_ids bigint[],
  out lowest   bigint,
  out more     boolean
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes up to p_limit pointers with msg_id > p_floor off one queue, oldest first. vt is ignored:
-- the engine never delays messages, so a message hidden by somebody's pgmq.read still moves.
--
-- Returns  the step_ids named, -1 for a message that names none; the lowest msg_id of these
--          messages; and whether there may be more (surely, for p_limit 0)
-- Locks    the queue against being dropped, the messages taken; skips locked ones
begin
  execute format('select * from tasker_queues.%I($1, $2)', 'pop_' || p_queue)
    into step_ids, lowest, more using p_limit, p_floor;
end;
$$;

comment on function tasker._pop_queue is 'Takes up to p_limit step pointers with msg_id > p_floor off one PGMQ queue, oldest first.';
