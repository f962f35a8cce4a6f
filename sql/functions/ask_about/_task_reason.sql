create or replace function tasker._task_reason (p_task_id bigint)
  returns table (
    rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Why nothing happens in a task though none of its steps is in the way: it has ended, or waits to
-- be.
--
-- Returns  at most one row
-- Calls    _is_active, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  select said.rank, said.code, true, said.reason, said.since, said.until, said.who, said.cure
    from tasker.tasks as task
    left join tasker.unfinalized_tasks as unfinalized on unfinalized.task_id = task.task_id
    left join tasker.finalization_claims as claim on claim.task_id = task.task_id
   cross join lateral (
         select 90, 'ended', format('it is %s', task.state), task.finished_at,
                null::timestamptz, null::text, null::text
          where task.finished_at is not null
         union all
         select 20, 'unfinalized',
                case when claim.task_id is not null
                       then format('%s is finalizing it since %s', claim.processor_id,
                                   tasker._ago(v_now - claim.claimed_at))
                     when task.finalize_externally
                       then 'nothing is left to run; it waits for a processor to finalize it'
                     else 'nothing is left to run; the next sweep ends it' end,
                unfinalized.since, claim.claimed_until, claim.processor_id,
                case when task.finalize_externally
                       then format('select * from tasker.finalize_task(%L)', task.task_uuid)
                     else 'select * from tasker.sweep()' end
          where unfinalized.task_id is not null
            and not tasker._is_active(task.task_id)
         ) as said (rank, code, reason, since, until, who, cure)
   where task.task_id = p_task_id;
end;
$$;

comment on function tasker._task_reason is 'Whether a task has ended, or waits to be finalized.';
