create or replace function tasker._step_events (p_task_id bigint)
  returns table (step_id bigint, round bigint, turn integer, at timestamptz, part text)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What happened to each step of a task, in order (round, turn), and what each event began. Read
-- from the steps and their failures: the transitions of the time a task lived in may be millions.
-- The last attempt is in the step's row; if it has failed, its times come twice, and the caller
-- puts them where they have no length. A handler begins when its worker says that it did.
--
-- Returns  at least one row a step; `at` may be null for what did not happen
-- Calls    _ran_for
#variable_conflict use_column
begin
  return query
  with step as materialized (
    select step.*, task.created_at, failure.began_at,
           step.claim_token is distinct from failure.token
             and (step.claim_token is not null
                  or (step.enqueued_at, step.started_at)
                     is distinct from (failure.enqueued_at, failure.started_at)) as is_new,
           coalesce((select max(parent.finished_at)
                       from unnest(link.parents) as parent_no
                       join tasker.steps as parent
                         on parent.step_id = tasker._id_of_task(p_task_id) + parent_no),
                    greatest(task.created_at, task.run_at)) as ready_at,
           max(coalesce(step.finished_at, 'infinity')) over () as last_end
      from tasker.tasks as task
      join tasker.steps as step on step.step_id > tasker._id_of_task(p_task_id)
                               and step.step_id < tasker._id_of_task(p_task_id + 1)
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(step.step_id)
      left join lateral (
           select failure.token, failure.enqueued_at, failure.started_at,
                  min(failure.enqueued_at) over () as began_at
             from tasker.step_failures as failure
            where failure.step_id = step.step_id
            order by failure.failure_id desc
            limit 1) as failure on true
     where task.task_id = p_task_id
  )
  select step.step_id, event.round, event.turn, event.at, event.part
    from step
   cross join lateral (
         select 0::bigint, 0, step.created_at, 'waiting'
         union all  -- and never later than it was enqueued for the first time
         select 0, 1, least(step.ready_at, step.enqueued_at, step.began_at), 'queued'
          where coalesce(step.enqueued_at, step.began_at) is not null
         union all
         select failure.failure_id, happened.*
           from (select failure.*,
                        lead(failure.enqueued_at, 1,
                             case when step.is_new then step.enqueued_at else step.finished_at end)
                          over (order by failure.failure_id) as goes_on_at
                   from tasker.step_failures as failure
                  where failure.step_id = step.step_id) as failure
          cross join lateral (values
                (1, failure.enqueued_at, 'queued'),
                (2, failure.failed_at - tasker._ran_for(failure.started_at, failure.failed_at,
                                                        failure.seconds),
                 case when failure.lost then 'lost' else 'running' end),
                (3, failure.failed_at, case failure.to_state
                                         when 'waiting_for_retry' then 'backing_off'
                                         when 'error' then 'failed'
                                         else 'queued' end),
                (4, case when failure.next_retry_at is not null
                           then least(failure.next_retry_at, failure.goes_on_at) end,
                 'queued')) as happened
         union all
         select 9223372036854775807, happened.*
           from (values
                (1, step.enqueued_at, 'queued'),
                (2, coalesce(step.finished_at - tasker._ran_for(step.started_at, step.finished_at,
                                                                step.seconds),
                             step.started_at),
                 'running'),
                (3, step.finished_at, case step.state when 'error' then 'failed'
                                                      else 'afterwards' end),
                (4, nullif(step.last_end, 'infinity'), 'finalizing')) as happened
         ) as event (round, turn, at, part);
end;
$$;

comment on function tasker._step_events is 'What happened to each step of a task, in order, and what each event began.';
