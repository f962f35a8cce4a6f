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
    -- a transaction that has not ended began after that moment
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
  ), happened as (
    select event.event, event.seconds
      from tasker.finalization_events as event
     where event.at >= v_floor
       and tasker._full_xid(event.xmin, v_next) >= v_from
       and tasker._full_xid(event.xmin, v_next) < v_settled
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
  select 'finalization claim', null, known.event, count(happened.event),
         coalesce(sum(happened.seconds), 0), v_after
    from unnest('{claimed,already_claimed,already_complete,not_ready,not_found,extended,released,'
                'finalized,expired}'::text[]) as known (event)
    left join happened on happened.event = known.event
   group by known.event
  union all
  select 'claiming to finalize', null, bucket.most::text, count(happened.event),
         coalesce(sum(happened.seconds), 0), v_after
    from unnest('{0.0005,0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,1,inf}'::float8[])
      as bucket (most)
    left join happened on happened.seconds <= bucket.most
                      and happened.event in ('claimed', 'already_claimed', 'already_complete',
                                             'not_ready', 'not_found')
   group by bucket.most;
end;
$$;

comment on function tasker.count_events is
'How often each kind of event has happened since the call whose next_after this is (null: from now on); at most in the last hour. subject: task or step, with its change of state; late write, with its cause; finalization claim, with what happened to it (claimed, extended; released, finalized or expired, with the seconds that it was held; or why it was refused); claiming to finalize, with the seconds that asking for such a claim took, by the least bound that these do not exceed and all larger ones. An event counts once, and not before all transactions that were open when it happened have ended. Costs as much as happened since that call, by calls and not by steps. Raises 22023 (p_after is not what a call returned).';
