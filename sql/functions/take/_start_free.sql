create or replace function tasker._start_free (
  p_step_ids   bigint[],
  p_place      tasker.place,
  p_handlers   text[],
  p_token      uuid,
  p_now        timestamptz,
  out step_ids bigint[],
  out begun    bigint[],
  out wide     bigint[],
  out seconds  integer,
  out busy     bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Starts those of some steps that are enqueued, nobody is at, and the worker may have. What belongs
-- to another namespace or is paused stays as it is: its pointer is gone, and the sweep sends a new
-- one once it may run. What needs a handler that was not asked for is parked.
--
-- Returns  as _find_steps; and the steps that somebody is at
-- Locks    the steps, then pending tasks of theirs, in id order, skipping locked ones
-- Calls    _serves, _park
declare
  v_free   constant bigint[] := array(
    select step.step_id from tasker.steps as step
     where step.step_id = any (p_step_ids) and step.state = 'enqueued'
     order by step.step_id for update skip locked);
  v_tasks  constant bigint[] := array(
    select task.task_id from tasker.tasks as task
     where task.task_id = any (array(select distinct tasker._task_of(id) from unnest(v_free) as id))
       and task.state = 'pending'
     order by task.task_id for no key update skip locked);
  v_parked bigint[];
begin
  with step as materialized (
    select step.step_id, link.handler, link.parents, link.timeout_seconds + 5 as seconds,
           tasker._serves(p_handlers, link.handler) as is_served,
           task.state = 'pending' and task.task_id <> all (v_tasks) as is_busy
      from tasker.steps as step
     cross join lateral (
           select task.task_id, task.state, task.paused_at from tasker.tasks as task
            where task.task_id = tasker._task_of(step.step_id)
            limit 1) as task
     cross join lateral (
           select link.namespace_id, link.handler, cardinality(link.parents) as parents,
                  link.timeout_seconds
             from tasker.template_steps as link
            where link.template_id = step.template_id
              and link.step_no = tasker._step_no(step.step_id)
            limit 1) as link
     cross join lateral (
           select template.paused_at from tasker.task_templates as template
            where template.template_id = step.template_id
            limit 1) as template
     where step.step_id = any (v_free)
       and link.namespace_id = p_place.namespace_id
       and task.paused_at is null
       and template.paused_at is null
  )
  select coalesce(array_agg(step.step_id order by step.step_id)
                    filter (where step.is_served and not step.is_busy), '{}'),
         array_agg(step.step_id) filter (where step.is_served and not step.is_busy
                                           and step.parents > 8),
         min(step.seconds) filter (where step.is_served and not step.is_busy),
         array_agg(step.step_id) filter (where not step.is_served),
         array_agg(step.step_id) filter (where step.is_served and step.is_busy)
    into step_ids, wide, seconds, v_parked, busy
    from step;
  busy := busy || array(select step.step_id from tasker.steps as step
                         where step.step_id = any (p_step_ids)
                           and step.step_id <> all (v_free)
                           and step.state = 'enqueued');
  if step_ids <> '{}' then
    update tasker.steps as step
       set state = 'in_progress', attempt = step.attempt + 1, claim_token = p_token,
           started_at = p_now
     where step.step_id = any (_start_free.step_ids);
    with started as (
      update tasker.tasks as task set state = 'in_progress', started_at = p_now
       where task.task_id = any (array(
               select tasker._task_of(id) from unnest(_start_free.step_ids) as id
                where tasker._task_of(id) = any (v_tasks)))
         and task.state = 'pending'
      returning tasker._id_of_task(task.task_id) as id)
    select array_agg(started.id order by started.id) into begun from started;
  end if;
  if v_parked is not null then
    perform tasker._park(v_parked, p_place, p_now);
  end if;
end;
$$;

comment on function tasker._start_free is 'Starts those of some steps that are enqueued, nobody is at, and a worker may have; parks those of other handlers.';
