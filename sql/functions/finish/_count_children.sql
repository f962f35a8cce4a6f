create or replace function tasker._count_children (
  p_children  bigint[],
  p_joins     bigint[],
  p_amounts   jsonb,
  p_is_waited boolean,
  p_now       timestamptz,
  p_keep      integer,
  p_queue     text,
  out ready   bigint[],
  out kept    bigint[],
  out rest    bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts finished parents off their children, and sends those that wait for nobody any more. Nobody
-- is waited for. While another transaction is at one of the joins (its xmax is not 0), nothing is
-- done here; a child that waits for one parent only is left out while somebody is at it.
--
-- Returns  the steps that may now run (null when nothing was done); those of them, at most p_keep,
--          that were not sent because they would go to p_queue, which the caller serves; and those
--          left out, null for none
-- Locks    the children in id order
-- Calls    _push_queue, _wake; beside the street _send
declare
  v_is_free    boolean;
  v_counted    bigint[];
  v_templates  integer[];
  v_priorities smallint[];
  v_queues     text[];
  v_namespace  integer;
begin
  with busy as materialized (
    select from tasker.steps as step where step.step_id = any (p_joins) and step.xmax <> 0 limit 1),
  counted as (
    update tasker.steps as step
       set waiting_parents = step.waiting_parents
                             - coalesce((p_amounts ->> step.step_id::text)::integer, 1),
           state = case when step.waiting_parents
                             = coalesce((p_amounts ->> step.step_id::text)::integer, 1)
                        then 'enqueued'::tasker.step_state
                        else step.state end,
           enqueued_at = case when step.waiting_parents
                                   = coalesce((p_amounts ->> step.step_id::text)::integer, 1)
                              then p_now end
     where step.step_id = any (p_children)
       and step.state = 'pending'
       and (step.xmax = 0 or step.step_id = any (p_joins))
       and not exists (select from busy)
    returning step.step_id, step.template_id, step.priority, step.state
  ),
  freed as (
    select counted.* from counted where counted.state = 'enqueued'
  ),
  link as (
    select distinct link.namespace_id, tasker._queue_of(link.queue, kind.priority) as queue
      from (select distinct freed.template_id, freed.priority,
                            tasker._step_no(freed.step_id) as step_no
              from freed) as kind
     cross join lateral (
           select link.namespace_id, link.queue from tasker.template_steps as link
            where link.template_id = kind.template_id and link.step_no = kind.step_no
            limit 1) as link
  )
  select not exists (select from busy),
         (select array_agg(counted.step_id) from counted),
         coalesce(array_agg(freed.step_id order by freed.step_id), '{}'),
         array_agg(freed.template_id order by freed.step_id),
         array_agg(freed.priority order by freed.step_id),
         (select array_agg(link.queue) from link),
         (select min(link.namespace_id) from link)
    into v_is_free, v_counted, ready, v_templates, v_priorities, v_queues, v_namespace
    from freed;

  if not v_is_free then
    ready := null;
    return;
  elsif coalesce(cardinality(v_counted), 0) < cardinality(p_children) then
    rest := array(select id from unnest(p_children) as id
                   where id <> all (coalesce(v_counted, '{}')) order by id);
  end if;
  if cardinality(v_queues) = 1 then
    if v_queues[1] in (p_queue, p_queue || '_high') then
      kept := ready[: p_keep];
    end if;
    if cardinality(ready) > coalesce(cardinality(kept), 0) then
      p_now := tasker._push_queue(v_queues[1], ready[coalesce(cardinality(kept), 0) + 1 :], p_now);
      if p_is_waited then
        perform tasker._wake(v_namespace, 1, p_now);
      end if;
    end if;
  elsif cardinality(v_queues) > 1 then
    perform tasker._send(ready, v_templates, v_priorities, p_now);
  end if;
end;
$$;

comment on function tasker._count_children is 'Counts finished parents off their children and sends those that wait for nobody any more. Nobody is waited for.';
