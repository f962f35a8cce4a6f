create or replace function tasker._defer_wide (
  p_wide      bigint[],
  p_amounts   jsonb,
  p_for_gate  boolean default null,
  out ids     bigint[],
  out amounts jsonb
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Keeps the finishing parents of a wide join (or sinks of a wide task, step_no 0) from queueing up
-- behind its one row: a row that is free is locked, and takes what others deferred with it; for one
-- that is not, the decrement is deferred. p_for_gate (true or null): the last one leads to a
-- decision.
--
-- Returns  the free ones that have anything to count (or to be decided about), and the amounts that
--          now hold for them
-- Locks    the free ones of p_wide; never waits
declare
  v_free bigint[];
begin
  v_free := array(select step.step_id
                    from tasker.steps as step
                   where step.step_id = any (p_wide)
                   order by step.step_id
                     for update skip locked)
         || array(select tasker._id_of_task(task.task_id)
                    from tasker.tasks as task
                   where task.task_id = any (array(
                           select tasker._task_of(id) from unnest(p_wide) as id
                            where tasker._step_no(id) = 0))
                   order by task.task_id
                     for no key update skip locked);

  insert into tasker.deferred_decrements (step_id, amount, for_gate)
  select busy.step_id, coalesce((p_amounts ->> busy.step_id::text)::integer, 1), p_for_gate
    from unnest(p_wide) as busy (step_id)
   where busy.step_id <> all (v_free)
     and coalesce((p_amounts ->> busy.step_id::text)::integer, 1) > 0;

  with taken as (
    delete from tasker.deferred_decrements as deferred
     where deferred.step_id = any (v_free)
    returning deferred.step_id, deferred.amount
  ),
  summed as (
    select free.step_id,
           coalesce((p_amounts ->> free.step_id::text)::integer, 1)
           + coalesce((select sum(taken.amount)
                         from taken
                        where taken.step_id = free.step_id), 0) as amount
      from unnest(v_free) as free (step_id)
  )
  select coalesce(array_agg(summed.step_id order by summed.step_id), '{}'),
         jsonb_object_agg(summed.step_id, summed.amount)
    into ids, amounts
    from summed
   where summed.amount > 0 or p_for_gate;
end;
$$;

comment on function tasker._defer_wide is 'Decides for joins of more than 16 parents whether to count now (row free) or later (deferred_decrements).';
