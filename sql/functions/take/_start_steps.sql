create or replace function tasker._start_steps (
  p_step_ids     bigint[],
  p_namespace_id integer,
  p_handlers     text[],
  p_token        uuid,
  p_now          timestamptz,
  out step_ids   bigint[],
  out begun      bigint[],
  out wide       bigint[],
  out seconds    integer,
  out wrong      bigint[],
  out rest       bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Marks popped steps as in_progress under a new token: the re-check that makes the queue a mere
-- hint. Nobody is waited for: a row that another transaction is at (its xmax is not 0) is left.
--
-- Returns  the steps started; the tasks that began with them (step_no 0 ids); of the steps those
--          with more than 8 parents; how many seconds a lease of them may take at most, null for no
--          bound; and, null on the street, the rest: pointers whose steps were not started, and
--          those that were marked wrongly (another namespace's, of a handler that is not asked for,
--          or somebody is at the task that they begin) and must be put back
-- Locks    the steps, then the tasks that begin with them, in id order
-- Calls    _serves
begin
  with started as (
    update tasker.steps as step
       set state       = 'in_progress',
           attempt     = step.attempt + 1,
           claim_token = p_token,
           started_at  = p_now
     where step.step_id = any (p_step_ids)
       and step.state = 'enqueued'
       and step.xmax = 0
    returning step.step_id, step.template_id, tasker._step_no(step.step_id) as step_no
  ),
  own as materialized (
    select own.step_id, link.is_ours, link.parents, link.timeout_seconds
      from (select started.template_id, started.step_no, array_agg(started.step_id) as step_ids
              from started
             group by 1, 2) as kind
     cross join lateral (
           select link.namespace_id = p_namespace_id
                  and tasker._serves(p_handlers, link.handler) as is_ours,
                  cardinality(link.parents) as parents,
                  link.timeout_seconds
             from tasker.template_steps as link
            where link.template_id = kind.template_id
              and link.step_no = kind.step_no
            limit 1
           ) as link
     cross join unnest(kind.step_ids) as own (step_id)
  ),
  first as materialized (
    select array_agg(distinct tasker._task_of(own.step_id)) as tasks
      from own
     where own.parents = 0 and own.is_ours
  ),
  begun as (
    update tasker.tasks as task
       set state = 'in_progress', started_at = p_now
     where task.task_id = any ((select first.tasks from first)::bigint[])
       and task.state = 'pending'
       and task.xmax = 0
    returning tasker._id_of_task(task.task_id) as id
  ),
  held as materialized (
    select coalesce(array_agg(task.task_id), '{}') as tasks
      from tasker.tasks as task
     where task.task_id = any ((select first.tasks from first)::bigint[])
       and task.state = 'pending'
       and task.xmax <> 0
  ),
  judged as (
    select own.*, own.is_ours and not (own.parents = 0 and tasker._task_of(own.step_id) = any (
                    (select held.tasks from held)::bigint[])) as may_run
      from own
  )
  select coalesce(array_agg(judged.step_id order by judged.step_id) filter (where judged.may_run),
                  '{}'),
         (select array_agg(begun.id order by begun.id) from begun),
         array_agg(judged.step_id) filter (where judged.may_run and judged.parents > 8),
         min(judged.timeout_seconds + 5) filter (where judged.may_run),
         array_agg(judged.step_id) filter (where not judged.may_run)
    into step_ids, begun, wide, seconds, wrong
    from judged;
  if cardinality(step_ids) < cardinality(p_step_ids) then
    rest := array(select distinct id from unnest(p_step_ids) as id
                   where id <> all (_start_steps.step_ids) order by id);
  end if;
end;
$$;

comment on function tasker._start_steps is 'Marks popped steps as in_progress under a token, after re-checking them in the tables.';
