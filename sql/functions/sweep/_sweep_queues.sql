create or replace function tasker._sweep_queues ()
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5ms'
as $$
-- Makes queues again whose tables, or functions, were dropped.
--
-- Returns  how many were made
-- Locks    the namespaces that miss one (skipping locked ones), so that they are not being dropped,
--          and the queues' names; waits for none longer than 5 ms
-- Calls    _queues_of, _create_queue
declare
  v_queue text;
  v_count integer := 0;
begin
  for v_queue in
    select queue.name
      from (select missing.name
              from (select own.name
                      from tasker.namespaces as namespace
                     cross join unnest(tasker._queues_of(namespace.name)) as own (name)
                     where to_regclass(format('pgmq.%I', 'q_' || own.name)) is null
                        or to_regproc(format('tasker_queues.%I', 'push_' || own.name)) is null
                        or to_regproc(format('tasker_queues.%I', 'pop_' || own.name)) is null
                       for key share of namespace skip locked) as missing
            union all
            select own.name
              from unnest(array['orchestration_step_results', 'orchestration_task_requests'])
                     as own (name)
             where to_regclass(format('pgmq.%I', 'q_' || own.name)) is null
           ) as queue
     order by queue.name
  loop
    begin
      perform tasker._create_queue(v_queue);
      v_count := v_count + 1;
    exception when lock_not_available or unique_violation then
      null;  -- somebody is at it; the next sweep looks again
    end;
  end loop;
  return v_count;
end;
$$;

comment on function tasker._sweep_queues is 'Makes queues again whose tables, or functions, were dropped. Returns how many.';
