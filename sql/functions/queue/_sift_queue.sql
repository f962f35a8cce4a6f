create or replace function tasker._sift_queue (
  p_queue        text,
  p_namespace_id integer,
  p_handlers     text[],
  p_limit        integer,
  p_floor        bigint,
  p_page         integer,
  out step_ids   bigint[],
  out unserved   bigint[],
  out last       bigint
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
-- Takes the next p_page messages of a queue (msg_id > p_floor) up to the p_limit-th one that points
-- to a step which a worker of the namespace may have. Those before it that point to nothing, to
-- a step that is not enqueued, is another namespace's or is paused, go with them: the first step
-- that can run is found, whatever lies in front of it. Every join is by a key, one row at a time.
--
-- Returns  the steps that can run; those on the way for which the worker has no handler; and the
--          last msg_id that was looked at, null when none was left
-- Locks    the messages taken; skips locked ones
-- Calls    _serves
begin
  execute format(
    'with page as materialized (
       select ctid as place, msg_id, message ->> ''step_id'' as pointer
         from pgmq.%1$I
        where msg_id > $1
        order by msg_id
        limit $2
     ),
     judged as materialized (
       select page.place, page.msg_id, step.step_id, step.is_served,
              count(*) filter (where step.is_served)
                over (order by page.msg_id rows between unbounded preceding and 1 preceding)
                as before
         from page
         left join lateral (
              select step.step_id, link.is_served
                from tasker.steps as step
               cross join lateral (
                     select tasker._serves($5, link.handler) as is_served
                       from tasker.template_steps as link
                      where link.template_id = step.template_id
                        and link.step_no = tasker._step_no(step.step_id)
                        and link.namespace_id = $3
                      limit 1) as link
               where step.step_id = case when page.pointer ~ ''^([0-9]{1,18}|[1-4][0-9]{18})$''
                                         then page.pointer::bigint end
                 and step.state = ''enqueued''
                 and exists (select from tasker.tasks as task
                              where task.task_id = tasker._task_of(step.step_id)
                                and task.paused_at is null
                              limit 1)
                 and exists (select from tasker.task_templates as template
                              where template.template_id = step.template_id
                                and template.paused_at is null
                              limit 1)
               limit 1) as step on true
     ),
     free as materialized (
       select judged.msg_id, judged.step_id, judged.is_served, message.place
         from judged
        cross join lateral (
              select message.ctid as place from pgmq.%1$I as message
               where message.ctid = judged.place
               limit 1
                 for update skip locked) as message
        where judged.before < $4
     ),
     gone as (
       delete from pgmq.%1$I as message using free where message.ctid = free.place
       returning free.msg_id, free.step_id, free.is_served
     )
     select coalesce(array_agg(gone.step_id order by gone.msg_id)
                       filter (where gone.is_served), ''{}''),
            array_agg(gone.step_id) filter (where not gone.is_served),
            (select max(judged.msg_id) from judged where judged.before < $4)
       from gone', 'q_' || p_queue)
    into step_ids, unserved, last
    using p_floor, p_page, p_namespace_id, p_limit, p_handlers;
exception when undefined_table then  -- dropped, be it at this moment
  step_ids := '{}';
end;
$$;

comment on function tasker._sift_queue is 'Takes the next messages off a queue up to the p_limit-th that points to a step which can run; those before it that lead nowhere go with them.';
