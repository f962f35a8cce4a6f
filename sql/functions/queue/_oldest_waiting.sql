create or replace function tasker._oldest_waiting (p_queue text)
  returns timestamptz
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Since when the first step in a queue waits that could be handed out. Pointers to steps that were
-- cancelled or settled do not count, nor what is paused; behind 1000 of these, anything does.
--
-- Returns  null when there is none
declare
  v_since timestamptz;
begin
  execute format(
    'select coalesce(
       (select step.enqueued_at
          from (select message ->> ''step_id'' as step_id
                  from pgmq.%1$I order by msg_id limit 1000) as head
         cross join lateral (
               select step.enqueued_at
                 from tasker.steps as step
                where step.step_id = case when head.step_id ~ ''^([0-9]{1,18}|[1-4][0-9]{18})$''
                                            then head.step_id::bigint end
                  and step.state = ''enqueued''
                  and (select task.paused_at is null from tasker.tasks as task
                        where task.task_id = tasker._task_of(step.step_id))
                  and (select template.paused_at is null from tasker.task_templates as template
                        where template.template_id = step.template_id)
                limit 1) as step
         limit 1),
       (select min(head.enqueued_at)
          from (select enqueued_at from pgmq.%1$I order by msg_id limit 1000) as head
        having count(*) = 1000))',
    'q_' || p_queue)
    into v_since;
  return v_since;
exception when undefined_table then  -- dropped, be it at this moment
  return null;
end;
$$;

comment on function tasker._oldest_waiting is 'Since when the first step in a queue waits that could be handed out; null for none.';
