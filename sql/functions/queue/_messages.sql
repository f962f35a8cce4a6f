create or replace function tasker._messages ()
  returns table (queue_name text, msg_id bigint, enqueued_at timestamptz, step_id bigint)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- All step pointers in all namespaces' queues. Messages that point to nothing are left out: the
-- next claim drops them.
--
-- Returns  one row per message
-- Calls    _queues_of
#variable_conflict use_column
declare
  v_queue text;
begin
  for v_queue in
    select unnest(tasker._queues_of(namespace.name)) from tasker.namespaces as namespace
  loop
    begin
      return query execute format(
        'select $1, msg_id, enqueued_at, (message ->> ''step_id'')::bigint
           from pgmq.%I
          where message ->> ''step_id'' ~ ''^([0-9]{1,18}|[1-4][0-9]{18})$''',
        'q_' || v_queue)
        using v_queue;
    exception when undefined_table then null;  -- dropped, be it at this moment
    end;
  end loop;
end;
$$;

comment on function tasker._messages is 'All step pointers in all namespaces'' queues.';
