create or replace function tasker.process_task_requests (p_limit bigint default 50)
  returns table (msg_id bigint, task_uuid uuid, created boolean, error text)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
as $$
-- Creates the tasks that messages in orchestration_task_requests ask for, each exactly once:
-- {"namespace", "name", "context", "options"}. A bad one goes to rejected_messages and
-- stops nothing; one whose idempotency key somebody is just using goes to the end of the queue.
--
-- Returns  one row per message applied or rejected; no rows when there is nothing to do
-- Raises   22023 for a limit outside 1 to messages_per_call
-- Locks    idempotency keys in the order of the messages; waits for nobody longer than 5 ms
-- Calls    _pop_messages, _check_keys, create_task, _postpone, _reject
#variable_conflict use_column
declare
  v_message record;
  v_task    record;
  v_error   text;
  v_code    text;
begin
  p_limit := coalesce(p_limit, 50);
  perform tasker._check_count(p_limit, 1, 'messages_per_call');
  for v_message in
    select popped.*
      from tasker._pop_messages('orchestration_task_requests', p_limit::integer) as popped
  loop
    begin
      v_error := null;
      perform tasker._check_keys(v_message.message, 'the task request',
                                 '{namespace,name,context,options}', '{namespace,name}');
      select task.* into v_task
        from tasker.create_task(v_message.message ->> 'namespace',
                                v_message.message ->> 'name',
                                coalesce(v_message.message -> 'context', '{}'),
                                coalesce(v_message.message -> 'options', '{}')) as task;
    exception
      when lock_not_available then
        perform tasker._postpone('orchestration_task_requests', v_message.message);
        continue;
      when others then
        get stacked diagnostics v_error = message_text, v_code = returned_sqlstate;
        select null::uuid as task_uuid, false as created into v_task;
        perform tasker._reject('orchestration_task_requests', v_message.msg_id, v_message.message,
                               v_code, v_error);
    end;
    return query select v_message.msg_id, v_task.task_uuid, v_task.created, v_error;
  end loop;
end;
$$;

comment on function tasker.process_task_requests is
'Creates the tasks that up to p_limit (1 to messages_per_call) messages in orchestration_task_requests ask for, exactly once: {"namespace", "name", "context", "options"} as create_task. Bad messages go to rejected_messages with the error. Raises 22023 (bad limit).';
