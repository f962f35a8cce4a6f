create or replace function tasker._defer_wide (
  p_children   bigint[],
  p_amounts    jsonb,
  p_wide       bigint[],
  out children bigint[],
  out amounts  jsonb
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Keeps the finishing parents of a wide join from queueing up behind its one row: a row that is free is
-- locked, and takes what others deferred with it; a row that is not gets a deferred decrement.
--
-- Returns  p_children without the rows that were not free, and the amounts that now hold for them
-- Locks    the free ones of p_wide; never waits
declare
  v_free bigint[];
begin
  v_free := array(select step.step_id from tasker.steps as step
                   where step.step_id = any (p_wide) order by step.step_id for update skip locked)
         || array(select task.task_id << 20 from tasker.tasks as task
                   where task.task_id = any (array(select id >> 20 from unnest(p_wide) as id where id & 1048575 = 0))
                   order by task.task_id for no key update skip locked);

  insert into tasker.deferred_decrements (step_id, amount)
  select busy.step_id, coalesce((p_amounts ->> busy.step_id::text)::integer, 1)
    from unnest(p_wide) as busy (step_id)
   where busy.step_id <> all (v_free)
     and coalesce((p_amounts ->> busy.step_id::text)::integer, 1) > 0;

  with taken as (
    delete from tasker.deferred_decrements as deferred
     where deferred.step_id = any (v_free)
    returning deferred.step_id, deferred.amount
  ),
  summed as (
    select taken.step_id, coalesce((p_amounts ->> taken.step_id::text)::integer, 1) + sum(taken.amount) as amount
      from taken group by taken.step_id
  )
  select coalesce(p_amounts, '{}') || coalesce(jsonb_object_agg(summed.step_id, summed.amount), '{}')
    into amounts
    from summed;

  children := array(select child.step_id
                      from unnest(p_children) as child (step_id)
                     where (child.step_id <> all (p_wide) or child.step_id = any (v_free))
                       and coalesce((amounts ->> child.step_id::text)::integer, 1) > 0
                     order by child.step_id);
end;
$$;

comment on function tasker._defer_wide is 'Decides for joins of more than 16 parents whether to count now (row free) or later (deferred_decrements).';
