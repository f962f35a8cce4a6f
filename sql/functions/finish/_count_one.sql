create or replace function tasker._count_one (
  p_child     bigint,
  p_is_join   boolean,
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
-- _count_children for one child of one finished parent: no sorting, no grouping.
--
-- Returns  as _count_children
-- Locks    the child
-- Calls    _push_queue, _wake
declare
  v_template  integer;
  v_priority  smallint;
  v_state     tasker.step_state;
  v_namespace integer;
  v_queue     text;
begin
  update tasker.steps as step
     set waiting_parents = step.waiting_parents - 1,
         state       = case when step.waiting_parents = 1 then 'enqueued'::tasker.step_state
                            else step.state end,
         enqueued_at = case when step.waiting_parents = 1 then p_now end
   where step.step_id = p_child
     and step.state = 'pending'
     and step.xmax = 0
  returning step.template_id, step.priority, step.state into v_template, v_priority, v_state;
  if v_template is null then
    if not p_is_join or not exists (
         select from tasker.steps as step where step.step_id = p_child and step.xmax <> 0) then
      ready := '{}';
      rest  := array[p_child];
    end if;
    return;
  end if;
  ready := '{}';
  if v_state = 'pending' then
    return;
  end if;
  ready := array[p_child];
  select link.namespace_id, tasker._queue_of(link.queue, v_priority) into v_namespace, v_queue
    from tasker.template_steps as link
   where link.template_id = v_template
     and link.step_no = tasker._step_no(p_child);
  if p_keep > 0 and v_queue in (p_queue, p_queue || '_high') then
    kept := ready;
    return;
  end if;
  p_now := tasker._push_queue(v_queue, ready, p_now);
  if p_is_waited then
    perform tasker._wake(v_namespace, 1, p_now);
  end if;
end;
$$;

comment on function tasker._count_one is 'Counts one finished parent off one child and sends the child when it waits for nobody any more. Nobody is waited for.';
