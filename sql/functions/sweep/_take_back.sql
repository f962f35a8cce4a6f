create or replace function tasker._take_back (p_token uuid, p_now timestamptz)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes one claim back whose lease ran out. Each attempt is kept as lost, and stays counted unless
-- it made a checkpoint.
--
-- Returns  1, or 0 when the claim is gone, was extended meanwhile, or is being used right now
-- Locks    the claim, its steps, their tasks
-- Calls    _lose_attempts, _fail, _advance_rarely, _record
declare
  v_claim  tasker.claims%rowtype;
  v_lost   record;
  v_spent  bigint[];
  v_back   bigint[];
  v_error  jsonb;
  v_log    record;
  v_gated  bigint[];
  v_ids    bigint[];
  v_change tasker.transition[];
begin
  select claim.* into v_claim from tasker.claims as claim
   where claim.token = p_token and claim.lease_until < p_now for update skip locked;
  if not found then
    return 0;
  end if;
  delete from tasker.claims as claim where claim.token = p_token;
  v_error := jsonb_build_object(
    'type', 'LeaseExpired',
    'message', format('worker %s did not report before its lease ended', v_claim.worker),
    'lease_until', v_claim.lease_until);

  v_lost   := tasker._lose_attempts(p_token, v_claim.step_ids, v_claim.worker, v_error, p_now);
  v_spent  := v_lost.spent;
  v_back   := v_lost.back;
  v_ids    := v_back;
  v_change := array_fill('step in_progress -> enqueued'::tasker.transition,
                         array[cardinality(v_back)]);
  for i in 1 .. cardinality(v_spent) loop
    v_log    := tasker._fail(p_token, v_spent[i], v_claim.worker, v_error, true, null, p_now);
    v_ids    := v_ids || v_spent[i];
    v_change := v_change || v_log.change;
    v_gated  := v_gated || v_log.gated;
  end loop;
  update tasker.step_failures as failure
     set lost = true
   where failure.step_id = any (v_spent)
     and failure.token = p_token;
  v_log    := tasker._advance_rarely(
    '{}', null, null, null, null, null,
    array(select distinct tasker._task_of(change.id)
            from unnest(v_ids, v_change) as change (id, change)
           where change.change = 'step in_progress -> error' order by 1),
    p_now, v_gated);
  v_ids    := v_ids || v_log.ids;
  v_change := v_change || v_log.changes;
  perform tasker._record(v_ids, v_change, 'sweep',
                         format('lease of %s expired', v_claim.worker), p_now);
  return 1;
end;
$$;

comment on function tasker._take_back is 'Takes one expired claim back: steps with attempts left are enqueued again, the others are in error.';
