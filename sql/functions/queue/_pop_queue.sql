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
declare
  v_got bigint[] := array[null, 0];
begin
  if to_regproc(format('tasker_queues.%I', 'pop_' || p_queue)) is not null then  -- not dropped
    execute format('select tasker_queues.%I($1, $2)', 'pop_' || p_queue)
      into v_got using p_limit, p_floor;
  end if;
  lowest   := v_got[1];
  more     := v_got[2] = 1;
  step_ids := v_got[3:];
end;
$$;

comment on function tasker._pop_queue is 'Takes up to p_limit step pointers with msg_id > p_floor off one PGMQ queue, oldest first.';
