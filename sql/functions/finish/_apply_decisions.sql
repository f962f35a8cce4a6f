create or replace function tasker._apply_decisions (
  p_step_ids  bigint[],
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[],
  out failed  bigint[],
  out gated   bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Decides about steps, in a statement later than the one that took their rows, and does what was
-- decided. Plain templates keep no decision that lets a step run.
--
-- Returns  the changes to record; the tasks in which one failed; and who waits for those that ended
--          (step_no 0: their task), once for each
-- Locks    nothing: the caller has written the rows
-- Calls    _decide, _condition_error, _place_steps, _fail_undone, _waiting_for, _set_alarms,
--          _open_waits
declare
  v_states     tasker.step_state[];
  v_errors     jsonb[];
  v_waits      bigint[];
  v_timed      bigint[];
  v_log        record;
begin
  with decided as materialized (
    select own.*, link.features, step.template_id
      from tasker._decide(p_step_ids) as own
     cross join lateral (
           select step.template_id from tasker.steps as step where step.step_id = own.step_id
            limit 1) as step
     cross join lateral (
           select link.features from tasker.template_steps as link
            where link.template_id = step.template_id
              and link.step_no = tasker._step_no(own.step_id) limit 1) as link
  ),
  kept as (
    insert into tasker.decisions (step_id, decided_at, decision, cause, saw)
    select decided.step_id, p_now, decided.decision, decided.cause, decided.saw
      from decided
     where decided.features ? 'run_on' or decided.decision <> 'run'
        on conflict (step_id) do update
       set decided_at = excluded.decided_at, decision = excluded.decision,
           cause = excluded.cause, saw = excluded.saw
  )
  select array_agg(decided.step_id order by decided.step_id),
         array_agg(decided.state order by decided.step_id),
         array_agg(case when decided.state = 'error'
                        then tasker._condition_error(decided.features, decided.problem) end
                   order by decided.step_id),
         array_agg(decided.step_id) filter (where decided.decision = 'wait'),
         array_agg(decided.step_id)
           filter (where decided.state in ('enqueued', 'waiting') and decided.features ? 'alarms')
    into ids, v_states, v_errors, v_waits, v_timed
    from decided;
  changes := array(select ('step pending -> ' || state)::tasker.transition
                     from unnest(v_states) with ordinality as new (state, place) order by place);
  perform tasker._place_steps(ids, v_states, p_now);
  failed  := tasker._fail_undone(ids, v_errors, p_now);
  gated   := tasker._waiting_for(array(
    select own.step_id from unnest(ids, v_states) as own (step_id, state)
     where own.state not in ('enqueued', 'waiting')));
  if v_timed is not null then
    perform tasker._set_alarms(v_timed, p_now);
  end if;
  if v_waits is not null then
    v_log   := tasker._open_waits(v_waits, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
    failed  := failed || v_log.failed;
    gated   := gated || v_log.gated;
  end if;
end;
$$;

comment on function tasker._apply_decisions is 'Decides about steps and does what was decided: enqueues, skips or fails them, or opens their waits.';
