create or replace function tasker._oldest_waiting (p_queue text)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Since when the oldest step in a queue waits that could be handed out. Pointers to steps that were
-- cancelled or settled do not count, nor what is paused; behind 1000 of these, anything does.
--
-- Returns  null when there is none
declare
  v_since timestamptz;
begin
  execute format(
    'select coalesce(min(step.enqueued_at) filter (where task.paused_at is null
                                                     and template.paused_at is null),
                     case when count(*) = 1000 then min(head.enqueued_at) end)
       from (select enqueued_at, message ->> ''step_id'' as step_id
               from pgmq.%I order by msg_id limit 1000) as head
       left join tasker.steps as step
         on step.step_id = case when head.step_id ~ ''^([0-9]{1,18}|[1-4][0-9]{18})$''
                                  then head.step_id::bigint end
        and step.state = ''enqueued''
       left join tasker.tasks as task on task.task_id = step.step_id >> 20
       left join tasker.task_templates as template on template.template_id = step.template_id',
    'q_' || p_queue)
    into v_since;
  return v_since;
exception when undefined_table then  -- dropped, be it at this moment
  return null;
end;
$$;

comment on function tasker._oldest_waiting is 'Since when the oldest step in a queue waits that could be handed out; null for none.';
