create or replace function tasker.count_events (p_after jsonb default null)
  returns table (
    subject    text,
    from_state text,
    outcome    text,
    events     bigint,
    seconds    double precision,
    next_after jsonb
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
-- How often each kind of event has happened since the call before: what a monitoring system adds
-- up. An event counts once, when its transaction and all that began before it have ended; so
-- nothing is missed that commits late, and one long transaction holds all counts up.
--
-- Returns  a row for each kind, also where there was none; pass next_after to the next call
-- Raises   22023 for what no call returned
-- Calls    _check_keys, _check_text, _check_time, _full_xid
#variable_conflict use_column
declare
  v_now     constant timestamptz := tasker._now();
  v_next    constant xid8 := pg_snapshot_xmax(pg_current_snapshot());
  v_settled constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_after   jsonb := coalesce(p_after, jsonb_build_object(
    'settled', v_settled::text, 'since', v_now - interval '1 hour',
    'next', v_next::text, 'at', v_now));
  v_from    xid8;
  v_floor   timestamptz;
begin
  perform tasker._check_keys(v_after, 'p_after', '{settled,since,next,at}',
                             '{settled,since,next,at}');
  v_from  := tasker._check_text(v_after -> 'settled', 'settled', '^[0-9]{1,18}$',
                                'a number as the last answer had it')::xid8;
  v_floor := greatest(tasker._check_time(v_after -> 'since', 'since') - interval '1 minute',
                      v_now - interval '1 hour');
  if tasker._check_text(v_after -> 'next', 'next', '^[0-9]{1,18}$',
                        'a number as the last answer had it')::xid8 <= v_settled then
    -- whoever has not ended began after that moment
    v_after := jsonb_build_object(
      'since', tasker._check_time(v_after -> 'at', 'at'), 'next', v_next::text, 'at', v_now);
  end if;
  v_after := v_after || jsonb_build_object('settled', v_settled::text);

  return query
  with change as (
    select run.change, sum(coalesce(run.count, 1))::bigint as events
      from tasker.transitions as transition
     cross join lateral unnest(transition.changes, transition.counts) as run (change, count)
     where transition.at >= v_floor
       and tasker._full_xid(transition.xmin, v_next) >= v_from
       and tasker._full_xid(transition.xmin, v_next) < v_settled
     group by run.change
  )
  select legal.entity, legal.from_state, legal.to_state,
         coalesce(change.events, 0), null::double precision, v_after
    from tasker.legal_transitions as legal
    left join change on change.change = legal.transition
  union all
  select 'late write', null, known.cause, count(late.step_id), null, v_after
    from unnest('{lease expired,taken over,unknown}'::text[]) as known (cause)
    left join tasker.refused_writes as late
      on late.cause = known.cause
     and late.refused_at >= v_floor
     and tasker._full_xid(late.xmin, v_next) >= v_from
     and tasker._full_xid(late.xmin, v_next) < v_settled
   group by known.cause
  union all
  select 'finalization claim', null, known.outcome, count(attempt.task_id),
         coalesce(sum(greatest(extract(epoch from attempt.ended_at - attempt.claimed_at), 0)), 0),
         v_after
    from unnest('{finalized,released,expired}'::text[]) as known (outcome)
    left join tasker.finalization_attempts as attempt
      on attempt.outcome = known.outcome
     and attempt.ended_at >= v_floor
     and tasker._full_xid(attempt.xmin, v_next) >= v_from
     and tasker._full_xid(attempt.xmin, v_next) < v_settled
   group by known.outcome
  union all
  select 'refused finalization claim', null, known.reason, count(attempt.attempt_uuid), null,
         v_after
    from unnest('{already_claimed,already_complete,not_ready,not_found}'::text[]) as known (reason)
    left join tasker.finalization_attempts as attempt
      on attempt.reason = known.reason
     and attempt.ended_at >= v_floor
     and tasker._full_xid(attempt.xmin, v_next) >= v_from
     and tasker._full_xid(attempt.xmin, v_next) < v_settled
   group by known.reason;
end;
$$;

comment on function tasker.count_events is
'How often each kind of event has happened since the call whose next_after this is (null: from now on); at most in the last hour. subject: task or step, with its change of state; late write, with its cause; finalization claim, with how it ended and the seconds that it was held; refused finalization claim, with its reason. An event counts once, and not before all transactions that were open when it happened have ended. Costs as much as happened since that call, by calls and not by steps. Raises 22023 (p_after is not what a call returned).';
