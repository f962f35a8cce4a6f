create or replace function tasker._overrun (
  p_step tasker.steps,
  p_kind text,
  p_span interval,
  p_now  timestamptz
)
  returns jsonb
  language sql
  stable
begin atomic
-- The error of a step that did not start, or end, in time, with how long each part took.
--
-- Calls    _ago
select jsonb_build_object(
         'type', 'DeadlineExceeded', 'code', p_kind,
         'message', case p_kind
           when 'start_within' then
             format('no worker started it within %s', tasker._ago(p_span))
           else
             format('it did not end within %s: %s in the queue, %s at work, %s between attempts',
                    tasker._ago(p_span), tasker._ago(part.queued), tasker._ago(part.worked),
                    tasker._ago(p_span - part.queued - part.worked)) end)
  from (select coalesce(sum(coalesce(own.started_at, own.ended_at) - own.enqueued_at), '0')
                 as queued,
               coalesce(sum(own.ended_at - own.started_at), '0') as worked
          from (select failure.enqueued_at, failure.started_at, failure.failed_at as ended_at
                  from tasker.step_failures as failure
                 where failure.step_id = p_step.step_id
                   and failure.enqueued_at >= p_now - p_span - interval '1 minute'
                union all
                select back.enqueued_at, back.started_at, back.started_at
                  from tasker.given_back as back
                 where back.step_id = p_step.step_id
                   and back.enqueued_at >= p_now - p_span - interval '1 minute'
                union all
                select p_step.enqueued_at,
                       case when p_step.state = 'in_progress' then p_step.started_at end, p_now
                 where p_step.state in ('enqueued', 'in_progress')) as own) as part;
end;

comment on function tasker._overrun is 'The error of a step that did not start, or end, in time.';
