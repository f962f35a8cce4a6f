create or replace function tasker._timer_reasons (p_step_ids bigint[], p_now timestamptz)
  returns table (
    step_id bigint, rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- Which of these steps wait for their time, for a sweep after it, or to be counted.
--
-- Returns  one row for each step that does
-- Calls    _error_text, _ago, _footnotes
#variable_conflict use_column
begin
  return query
  select step.step_id, said.rank, said.code, true, said.reason,
         said.since, said.until, said.who, said.cure
    from tasker.steps as step
    join tasker.tasks as task on task.task_id = tasker._task_of(step.step_id)
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
    left join tasker.timers as timer on timer.step_id = step.step_id
    left join lateral (select failure.error, failure.failed_at, failure.worker
                         from tasker.step_failures as failure
                        where failure.step_id = step.step_id
                        order by failure.failure_id desc
                        limit 1) as failure on true
   cross join lateral (
         select 50, 'retry_scheduled',
                format('attempt %s of %s failed: %s; the next one is due in %s%s', step.attempt,
                       link.max_attempts,
                       coalesce(tasker._error_text(failure.error), 'no error was kept'),
                       tasker._ago(timer.due_at - p_now),
                       tasker._footnotes(step.step_id, p_now)),
                failure.failed_at, timer.due_at, failure.worker,
                format('select * from tasker.retry_step(%L, ''<why>'')',
                       tasker._step_uuid(task.task_uuid, step.step_id))
          where step.state = 'waiting_for_retry' and timer.due_at > p_now
         union all
         select 50, 'scheduled',
                format('its task is to begin in %s', tasker._ago(timer.due_at - p_now)),
                task.created_at, timer.due_at, task.initiator, null
          where step.state = 'pending' and timer.due_at > p_now
         union all
         select 40, 'due',
                format('due since %s; the next sweep or an idle worker enqueues it',
                       tasker._ago(p_now - timer.due_at)),
                timer.due_at, null, null, 'select * from tasker.sweep()'
          where timer.due_at <= p_now
         union all
         select 40, 'uncounted',
                'finished parents are yet to be counted; the next sweep or an idle worker does it',
                null, null, null, 'select * from tasker.sweep()'
          where exists (select from tasker.deferred_decrements as deferred
                         where deferred.step_id = step.step_id and deferred.amount > 0)
         ) as said (rank, code, reason, since, until, who, cure)
   where step.step_id = any (p_step_ids)
     and step.state in ('pending', 'waiting_for_retry', 'waiting');
end;
$$;

comment on function tasker._timer_reasons is 'Which of these steps wait for their time, for a sweep after it, or to be counted.';
