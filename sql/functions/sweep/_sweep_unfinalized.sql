create or replace function tasker._sweep_unfinalized (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends tasks that should have ended: blocked ones in which nothing runs any more, and tasks that an
-- external processor was to finalize and that nobody has claimed for an hour. Expires finalization
-- claims. Looks at them in turns: at ten for each of p_limit, at most 500. One sweeper at a time.
--
-- Returns  how many tasks were ended
-- Locks    the cursor (skipped when another sweeper has it), each task (skipping locked ones)
-- Calls    _expire_finalization_claims, _is_active, _finalize, _record
declare
  v_most   constant integer := least(p_limit, 50) * 10;
  v_cursor bigint;
  v_next   bigint := 0;
  v_tasks  bigint[];
  v_task   record;
  v_log    record;
  v_count  integer := 0;
begin
  perform tasker._expire_finalization_claims(p_now);
  select sweep.position into v_cursor
    from tasker.sweep_cursors as sweep
   where sweep.action = 'unfinalized_tasks'
     for update skip locked;
  if not found then
    return 0;
  end if;
  v_tasks := array(
    select unfinalized.task_id from tasker.unfinalized_tasks as unfinalized
     where unfinalized.task_id > v_cursor
     order by unfinalized.task_id limit v_most);
  if cardinality(v_tasks) = v_most then
    v_next := v_tasks[v_most];
  end if;
  for v_task in
    select unfinalized.task_id, unfinalized.since < p_now - interval '1 hour' as overdue
      from unnest(v_tasks) as found (task_id)
     cross join lateral (
           select * from tasker.unfinalized_tasks as unfinalized
            where unfinalized.task_id = found.task_id
            limit 1) as unfinalized
     cross join lateral (
           select from tasker.tasks as task
            where task.task_id = found.task_id
              and not exists (select from tasker.finalization_claims as claim
                               where claim.task_id = found.task_id)
              and case when task.finalize_externally and task.state <> 'blocked_by_failures'
                       then unfinalized.since < p_now - interval '1 hour'
                       else task.open_sinks = 0 or not tasker._is_active(found.task_id) end
              for no key update skip locked) as task
  loop
    if v_count >= p_limit then
      v_next := v_task.task_id - 1;
      exit;
    end if;
    begin
      v_log := tasker._finalize(v_task.task_id, v_task.overdue, p_now);
      perform tasker._record(v_log.ids, v_log.changes, 'sweep', 'nothing is left to run', p_now);
      v_count := v_count + least(cardinality(v_log.ids), 1);
    exception
      when serialization_failure then null;  -- somebody was at it; the next sweep looks again
      when others then
        raise warning 'tasker.sweep: task id % was not finalized: % (%)',
                      v_task.task_id, sqlerrm, sqlstate;
    end;
  end loop;
  if v_next <> v_cursor then
    update tasker.sweep_cursors as sweep
       set position = v_next
     where sweep.action = 'unfinalized_tasks';
  end if;
  return v_count;
end;
$$;

comment on function tasker._sweep_unfinalized is 'Ends tasks that should have ended, and expires finalization claims. Returns how many tasks.';
