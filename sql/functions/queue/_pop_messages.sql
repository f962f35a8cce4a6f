create or replace function tasker._pop_messages (p_queue text, p_limit integer)
  returns table (msg_id bigint, message jsonb)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes up to p_limit messages off one of the orchestration queues, oldest first.
--
-- Returns  the messages; none when the queue is empty or missing, or somebody keeps it for himself
-- Locks    the messages (skipping locked ones)
#variable_conflict use_column
begin
  return query execute format(
    'with taken as (
       delete from pgmq.%1$I
        where ctid = any (array(
                select ctid from pgmq.%1$I order by msg_id limit $1 for update skip locked))
       returning msg_id, message
     )
     select msg_id, message from taken order by msg_id', 'q_' || p_queue)
    using p_limit;
exception when undefined_table or lock_not_available then  -- dropped, or in somebody's hands
  return;
end;
$$;

comment on function tasker._pop_messages is 'Takes up to p_limit messages off an orchestration queue, oldest first.';
