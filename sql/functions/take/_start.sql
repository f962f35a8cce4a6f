create or replace function tasker._start (
  p_step_ids       bigint[],
  p_namespace_id   integer,
  p_token          uuid,
  p_now            timestamptz,
  out step_ids     bigint[],
  out template_ids integer[],
  out ids          bigint[],
  out changes      tasker.transition[],
  out wide         bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Marks popped steps as in_progress under a new token: the re-check that makes the queue a mere
-- hint. What is not enqueued any more, belongs to another namespace or is paused stays as it is;
-- its pointer is gone, and the sweep sends a new one once the step may run.
--
-- Returns  the steps started with their templates, the changes to record, and which of the steps
--          get the results of more than 8 parents
-- Locks    the steps, then the tasks that begin with them, in id order
-- Calls    _not_claimable
declare
  v_refused bigint[];
begin
  with started as (
    update tasker.steps as step
       set state       = 'in_progress',
           attempt     = step.attempt + 1,
           claim_token = p_token,
           started_at  = p_now
     where step.step_id = any (p_step_ids)
       and step.state = 'enqueued'
    returning step.step_id, step.template_id
  )
  select array_agg(started.step_id order by started.step_id),
         array_agg(started.template_id order by started.step_id)
    into step_ids, template_ids
    from started;

  select kind.refused, kind.wide into v_refused, wide
    from tasker._not_claimable(step_ids, template_ids, p_namespace_id) as kind;
  if cardinality(v_refused) > 0 then
    update tasker.steps as step
       set state       = 'enqueued',
           attempt     = step.attempt - 1,
           claim_token = null,
           started_at  = null
     where step.step_id = any (v_refused);
    select array_agg(kept.step_id order by kept.step_id),
           array_agg(kept.template_id order by kept.step_id)
      into step_ids, template_ids
      from unnest(step_ids, template_ids) as kept (step_id, template_id)
     where kept.step_id <> all (v_refused);
  end if;

  with begun as (
    update tasker.tasks as task
       set state      = 'in_progress',
           started_at = p_now
     where task.task_id = any (array(
             select distinct step.step_id >> 20
               from unnest(step_ids, template_ids) as step (step_id, template_id)
              where exists (select from tasker.template_steps as link
                             where link.template_id = step.template_id
                               and link.step_no = step.step_id & 1048575
                               and link.parents = '{}')
              order by 1))
       and task.state = 'pending'
    returning task.task_id << 20 as id
  )
  select coalesce(array_agg(begun.id), '{}') into ids from begun;

  changes := array_fill('task pending -> in_progress'::tasker.transition, array[cardinality(ids)])
          || array_fill('step enqueued -> in_progress'::tasker.transition,
                        array[coalesce(cardinality(step_ids), 0)]);
  ids     := ids || step_ids;
end;
$$;

comment on function tasker._start is 'Marks popped steps as in_progress under a token, after re-checking state, namespace and pauses in the tables.';
