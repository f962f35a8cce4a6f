create or replace function tasker._expire_steps (
  p_kind      text,
  p_step_ids  bigint[],
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends steps whose time is up: those that no worker has claimed since they were enqueued
-- (start_within), or that have not ended since they entered (finish_within). No further attempt is
-- made; on_error applies.
--
-- Returns  the changes to record
-- Locks    children, then tasks, each in id order; the caller holds the steps
-- Calls    _overrun, _end_undone, _advance_rarely
declare
  v_states tasker.step_state[];
  v_errors jsonb[];
  v_log    record;
  v_after  record;
begin
  select coalesce(array_agg(step.step_id order by step.step_id), '{}'),
         array_agg(case link.features ->> 'on_error' when 'skip' then 'skipped' else 'error'
                   end::tasker.step_state order by step.step_id),
         array_agg(tasker._overrun(step, p_kind, limit_.span, p_now) order by step.step_id)
    into ids, v_states, v_errors
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   cross join lateral (
         select make_interval(secs => (link.features ->> p_kind)::double precision) as span
       ) as limit_
   where step.step_id = any (p_step_ids)
     and step.state in ('enqueued', 'in_progress', 'waiting_for_retry', 'waiting')
     and (p_kind = 'finish_within'
          or step.state = 'enqueued' and step.attempt = 0
             and step.enqueued_at <= p_now - limit_.span
             and not exists (select from tasker.given_back as back
                              where back.step_id = step.step_id
                                and back.started_at >= step.enqueued_at - limit_.span));
  changes := '{}';
  if ids <> '{}' then
    v_log   := tasker._end_undone(ids, v_states, array_fill(null::jsonb, array[cardinality(ids)]),
                                  v_errors, p_now);
    v_after := tasker._advance_rarely(ids, null, null, null, null, null, v_log.failed, p_now,
                                      nullif(v_log.gated, '{}'));
    ids     := ids || v_after.ids;
    changes := v_log.changes || v_after.changes;
  end if;
end;
$$;

comment on function tasker._expire_steps is 'Ends steps that did not start, or end, in time. Returns the changes to record.';
