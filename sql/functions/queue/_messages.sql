create or replace function tasker._messages (p_task_id bigint)
  returns table (queue_name text, msg_id bigint, enqueued_at timestamptz, step_id bigint)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- All step pointers in all namespaces' queues; of one task, in the first 10000 messages of those
-- that its steps may be in. Messages that point to nothing are left out: the next claim drops them.
--
-- Returns  one row per message
-- Calls    _queues_of
#variable_conflict use_column
declare
  v_queue text;
begin
  for v_queue in
    select unnest(tasker._queues_of(namespace.name)) from tasker.namespaces as namespace
     where p_task_id is null
        or exists (select
                     from tasker.tasks as task
                     join tasker.template_steps as link on link.template_id = task.template_id
                    where task.task_id = p_task_id
                      and link.namespace_id = namespace.namespace_id)
  loop
    begin
      return query execute format(
        'select $1, msg_id, enqueued_at, (message ->> ''step_id'')::bigint
           from (select * from pgmq.%I order by msg_id limit $2) as head
          where message ->> ''step_id'' ~ ''^([0-9]{1,18}|[1-4][0-9]{18})$''',
        'q_' || v_queue)
        using v_queue, case when p_task_id is not null then 10000 end;
    exception when undefined_table then null;  -- dropped, be it at this moment
    end;
  end loop;
end;
$$;

comment on function tasker._messages is 'All step pointers in all namespaces'' queues.';
