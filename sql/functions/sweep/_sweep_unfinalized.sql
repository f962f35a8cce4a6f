create or replace function tasker._sweep_unfinalized (p_limit integer, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends tasks that should have ended: blocked ones in which nothing runs any more, and tasks that an
-- external processor was to finalize and that nobody has claimed for an hour. Expires finalization
-- claims.
--
-- Returns  how many tasks were ended
-- Locks    each task (skipping locked ones)
-- Calls    _expire_finalization_claims, _is_active, _finalize, _record
declare
  v_task  record;
  v_log   record;
  v_count integer := 0;
begin
  perform tasker._expire_finalization_claims(p_now);
  for v_task in
    select unfinalized.task_id, unfinalized.since < p_now - interval '1 hour' as overdue
      from tasker.unfinalized_tasks as unfinalized
      join tasker.tasks as task on task.task_id = unfinalized.task_id
     where not exists (select from tasker.finalization_claims as claim
                        where claim.task_id = unfinalized.task_id)
       and case when task.finalize_externally and task.state <> 'blocked_by_failures'
                then unfinalized.since < p_now - interval '1 hour'
                else task.open_sinks = 0 or not tasker._is_active(unfinalized.task_id) end
     order by unfinalized.since
     limit p_limit
       for no key update of task skip locked
  loop
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
  return v_count;
end;
$$;

comment on function tasker._sweep_unfinalized is 'Ends tasks that should have ended, and expires finalization claims. Returns how many tasks.';
