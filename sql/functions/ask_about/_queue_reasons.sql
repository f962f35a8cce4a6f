create or replace function tasker._queue_reasons (p_step_ids bigint[], p_now timestamptz)
  returns table (
    step_id bigint, rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Where the enqueued ones of these steps stand: their message is gone, nobody serves the namespace
-- or has their handler, or it is only a matter of their turn.
--
-- Returns  one row for each enqueued step
-- Calls    _queue_of, _lost_steps, _workers, _missing_handlers, _held_up, _shell_word, _ago,
--          _footnotes
#variable_conflict use_column
declare
  v_queue   record;
  v_workers record;
  v_held    record;
  v_missing boolean;
  v_lost    bigint[];
begin
  for v_queue in
    select tasker._queue_of(link.queue, step.priority) as name,
           namespace.name as namespace,
           array_agg(step.step_id order by step.step_id) as step_ids,
           array_agg(step.enqueued_at order by step.step_id) as enqueued,
           array_agg(link.handler order by step.step_id) as handlers
      from tasker.steps as step
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(step.step_id)
      join tasker.namespaces as namespace on namespace.namespace_id = link.namespace_id
     where step.step_id = any (p_step_ids)
       and step.state = 'enqueued'
     group by 1, namespace.namespace_id
  loop
    v_workers := tasker._workers(v_queue.namespace, p_now);
    v_held    := tasker._held_up(v_queue.namespace, p_now);
    v_missing := to_regclass(format('pgmq.%I', 'q_' || v_queue.name)) is null;
    v_lost := tasker._lost_steps(v_queue.name, v_queue.step_ids, v_queue.enqueued, 10000);
    return query
    with step as materialized (
      select step.*,
             exists (select from tasker.parked_steps as parked
                      where parked.step_id = step.step_id) as is_parked
        from unnest(v_queue.step_ids, v_queue.enqueued, v_queue.handlers)
               as step (step_id, enqueued_at, handler)
    ),
    kind as materialized (
      select distinct step.handler, step.is_parked from step where v_workers.workers > 0
    ),
    lacking as materialized (
      select missing.*
        from tasker._missing_handlers(
               v_queue.namespace, array(select kind.handler from kind),
               array(select kind.is_parked from kind), p_now) as missing
    )
    select step.step_id, said.rank, said.code, said.blocks, said.reason,
           step.enqueued_at, null::timestamptz, null::text, said.cure
      from step
      left join lacking using (handler, is_parked)
     cross join lateral (
           select 30, 'message_lost', true,
                  case when v_missing then format('queue %s was dropped', v_queue.name)
                       else 'its message is lost' end || '; the sweep restores it within seconds',
                  'select * from tasker.sweep()'
            where v_missing or step.step_id = any (v_lost)
           union all
           select case when v_workers.workers > 0 and lacking.reason is null then 70 else 20 end,
                  case when v_workers.workers = 0 then 'no_worker'
                       when lacking.reason is null then 'queued'
                       else 'handler_missing' end,
                  false,
                  concat_ws('; ', 'queued for ' || tasker._ago(p_now - step.enqueued_at)
                                  || tasker._footnotes(step.step_id, p_now),
                            coalesce(lacking.reason, v_workers.said), v_held.full_slots,
                            v_held.breakers),
                  case when v_workers.workers = 0 or lacking.reason is not null
                         then format('tasker-sql run --namespace %s --handlers MODULE',
                                     tasker._shell_word(v_queue.namespace)) end
            limit 1
           ) as said (rank, code, blocks, reason, cure);
  end loop;
end;
$$;

comment on function tasker._queue_reasons is 'Where the enqueued ones of these steps stand: message lost, no worker, handler missing, or queued.';
