create or replace function tasker._handler_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Steps that wait for a handler which no live worker has, for more than a minute. What is paused
-- may wait.
--
-- Returns  problems, one for each of the first 20 handlers, since its first step that may run waits
--          (looked for among 100); counts up to 1000
-- Calls    _missing_handlers, _recovery_grace, _shell_word, _counted, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  with recursive kind as (
    (select parked.namespace_id, parked.handler from tasker.parked_steps as parked
      order by parked.namespace_id, parked.handler
      limit 1)
    union all
    select next.* from kind
     cross join lateral (
           select parked.namespace_id, parked.handler from tasker.parked_steps as parked
            where (parked.namespace_id, parked.handler) > (kind.namespace_id, kind.handler)
            order by parked.namespace_id, parked.handler
            limit 1) as next
  ),
  waiting as materialized (
    select namespace.name as namespace, kind.handler, parked.number, first.since,
           missing.reason as missing
      from (select * from kind limit 20) as kind
      join tasker.namespaces as namespace on namespace.namespace_id = kind.namespace_id
     cross join lateral (
           select count(*) as number
             from (select from tasker.parked_steps as parked
                    where parked.namespace_id = kind.namespace_id
                      and parked.handler = kind.handler
                    limit 1000) as head) as parked
     cross join lateral (
           select step.enqueued_at as since
             from (select parked.step_id from tasker.parked_steps as parked
                    where parked.namespace_id = kind.namespace_id
                      and parked.handler = kind.handler
                    order by parked.priority desc, parked.step_id
                    limit 100) as head
            cross join lateral (
                  select step.enqueued_at from tasker.steps as step
                   where step.step_id = head.step_id
                     and step.state = 'enqueued'
                     and (select task.paused_at is null from tasker.tasks as task
                           where task.task_id = tasker._task_of(step.step_id))
                     and (select template.paused_at is null from tasker.task_templates as template
                           where template.template_id = step.template_id)
                   limit 1) as step
            limit 1) as first
     cross join lateral tasker._missing_handlers(
                  namespace.name, array[kind.handler], array[true], v_now) as missing
     where namespace.paused_at is null
       and first.since < v_now - tasker._recovery_grace()
  )
  select 'critical', 'handler_missing',
         format('handler %s of namespace %s', waiting.handler, waiting.namespace), waiting.since,
         format('%s%s queued for up to %s; %s',
                case when waiting.number = 1000 then 'at least ' else '' end,
                tasker._counted(waiting.number, 'step'), tasker._ago(v_now - waiting.since),
                waiting.missing),
         format('tasker-sql run --namespace %s --handlers MODULE',
                tasker._shell_word(waiting.namespace)),
         waiting.number
    from waiting;
end;
$$;

comment on function tasker._handler_problems is 'problems: steps whose handler no live worker has.';
