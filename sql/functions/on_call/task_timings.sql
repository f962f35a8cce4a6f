create or replace function tasker.task_timings (p_task_uuid uuid)
  returns table (
    step_uuid   uuid,
    name        text,
    state       text,
    waiting     interval,
    queued      interval,
    backing_off interval,
    running     interval,
    lost        interval,
    failed      interval,
    afterwards  interval,
    finalizing  interval,
    wall_time   interval
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Where a task's wall time went. The time from its beginning to its end (or now) is cut wherever
-- something happened to a step, so that each step's parts add up to the whole. Clocks that differ
-- move no cut before the one that came first.
--
-- Returns  one row per step, parents first
-- Raises   TK002 no such task, 22023 null
-- Calls    _task_id, _step_events, _step_uuid
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
begin
  return query
  with task as (
    select task.created_at, coalesce(task.finished_at, tasker._now()) as ends_at
      from tasker.tasks as task
     where task.task_id = v_task_id
  ),
  cut as (
    select event.step_id, event.part, event.round, event.turn, task.ends_at,
           least(max(greatest(event.at, task.created_at))
                   over (partition by event.step_id order by event.round, event.turn),
                 task.ends_at) as at
      from tasker._step_events(v_task_id) as event
     cross join task
     where event.at is not null
  ),
  span as (
    select cut.step_id, cut.part,
           lead(cut.at, 1, cut.ends_at)
             over (partition by cut.step_id order by cut.round, cut.turn) - cut.at as time
      from cut
  )
  select tasker._step_uuid(p_task_uuid, span.step_id),
         min(link.name),
         min(step.state)::text,
         coalesce(sum(span.time) filter (where span.part = 'waiting'), '0'),
         coalesce(sum(span.time) filter (where span.part = 'queued'), '0'),
         coalesce(sum(span.time) filter (where span.part = 'backing_off'), '0'),
         coalesce(sum(span.time) filter (where span.part = 'running'), '0'),
         coalesce(sum(span.time) filter (where span.part = 'lost'), '0'),
         coalesce(sum(span.time) filter (where span.part = 'failed'), '0'),
         coalesce(sum(span.time) filter (where span.part = 'afterwards'), '0'),
         coalesce(sum(span.time) filter (where span.part = 'finalizing'), '0'),
         sum(span.time)
    from span
    join tasker.steps as step on step.step_id = span.step_id
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   group by span.step_id
   order by span.step_id;
end;
$$;

comment on function tasker.task_timings is
'Where a task''s wall time went, step by step: waiting (for its parents, or for run_at), queued (ready, and not claimed), backing_off, running, lost (attempts without a report: their lease ended, or an operator took them back), failed (in error, until an operator dealt with it), afterwards (done, while other steps went on), finalizing (from the end of the last step to the end of the task). The time that a worker held a step and gave it back belongs to the part before. The parts add up to wall_time, which is the task''s, so far. Raises TK002 (unknown task), 22023 (null).';
