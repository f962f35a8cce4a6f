create or replace function tasker._pop_queue (
  p_queue      text,
  p_limit      integer,
  p_floor      bigint,
  out step_ids bigint[],
  out taken    integer,
  out lowest   bigint
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes up to p_limit pointers off one queue, oldest first. vt is ignored: the engine never delays
-- messages, so a message hidden by somebody's pgmq.read still moves. Forged pointers are dropped
-- here or by the claimer.
--
-- Returns  the step_ids named, how many messages were taken, and the lowest msg_id of them
-- Locks    the messages taken; skips locked ones
begin
  execute format(
    'with gone as (
       delete from pgmq.%1$I
        where ctid = any (array(
                select ctid from pgmq.%1$I
                 where msg_id > $1
                 order by msg_id
                 limit $2
                   for update skip locked))
       returning msg_id, message ->> ''step_id'' as step_id
     )
     select coalesce(array_agg(step_id::bigint order by msg_id)
                       filter (where step_id ~ ''^([0-9]{1,18}|[1-4][0-9]{18})$''), ''{}''),
            count(*)::integer,
            min(msg_id)
       from gone', 'q_' || p_queue)
    into step_ids, taken, lowest
    using p_floor, p_limit;
exception when undefined_table then  -- dropped, be it at this moment
  step_ids := '{}';
  taken    := 0;
end;
$$;

comment on function tasker._pop_queue is 'Takes up to p_limit step pointers with msg_id > p_floor off one PGMQ queue, oldest first.';
