create or replace function tasker._usual_durations (p_task_id bigint)
  returns table (step_no integer, durations interval[])
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- How long each step of a task's template took, from when its parents were done to its own end, in
-- the last 20 complete tasks of that template. They are looked for where finished tasks are likely,
-- for nothing leads to them: among the 5000 before this task, and before the oldest open one.
--
-- Returns  one row per step, from fewer tasks if they are of over 1000 steps; none without any
#variable_conflict use_column
begin
  return query
  with task as (
    select task.template_id, template.step_count
      from tasker.tasks as task
      join tasker.task_templates as template on template.template_id = task.template_id
     where task.task_id = p_task_id
  ),
  past as materialized (
    select seen.task_id, greatest(seen.created_at, seen.run_at) as began_at
      from (select distinct seen.*
              from (select p_task_id as task_id
                     union
                    select min(open.task_id) from tasker.open_tasks as open) as before
             cross join lateral (select past.task_id, past.template_id, past.state, past.created_at,
                                        past.run_at
                                   from tasker.tasks as past
                                  where past.task_id < before.task_id
                                  order by past.task_id desc
                                  limit 5000) as seen) as seen
     where seen.template_id = (select task.template_id from task)
       and seen.state = 'complete'
     order by seen.task_id desc
     limit (select greatest(1, least(20, 20000 / task.step_count)) from task)
  )
  select tasker._step_no(step.step_id),
         array_agg(greatest(
           step.finished_at
           - coalesce((select max(parent.finished_at)
                         from unnest(link.parents) as parent_no
                         join tasker.steps as parent
                           on parent.step_id = tasker._id_of_task(past.task_id) + parent_no),
                      past.began_at),
           interval '0'))
    from past
    join tasker.steps as step on step.step_id > tasker._id_of_task(past.task_id)
                             and step.step_id < tasker._id_of_task(past.task_id + 1)
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   group by 1;
end;
$$;

comment on function tasker._usual_durations is 'How long each step of a task''s template took in the last complete tasks of it.';
