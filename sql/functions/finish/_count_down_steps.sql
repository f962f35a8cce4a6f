create or replace function tasker._count_down_steps (
  p_children  bigint[],
  p_amounts   jsonb,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts finished parents off their children, and enqueues the children that wait for nobody any
-- more. p_amounts holds the children with other than one finished parent: {"<step_id>": parents}.
--
-- Returns  the changes to record
-- Locks    the children in id order
-- Calls    _send
declare
  v_templates integer[];
  v_priority  smallint[];
begin
  ids     := '{}';
  changes := '{}';
  if cardinality(p_children) = 0 then
    return;
  end if;
  with counted as (
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
    returning step.step_id, step.template_id, step.priority, step.state
  )
  select array_agg(counted.step_id order by counted.step_id),
         array_agg(counted.template_id order by counted.step_id),
         array_agg(counted.priority order by counted.step_id)
    into ids, v_templates, v_priority
    from counted
   where counted.state = 'enqueued';

  if ids is null then
    ids := '{}';
    return;
  end if;
  perform tasker._send(ids, v_templates, v_priority, p_now);
  changes := array_fill('step pending -> enqueued'::tasker.transition, array[cardinality(ids)]);
end;
$$;

comment on function tasker._count_down_steps is 'Counts finished parents off their children and enqueues those that wait for nobody any more.';
