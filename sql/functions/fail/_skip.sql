create or replace function tasker._skip (
  p_token    uuid,
  p_step_id  bigint,
  p_reason   text,
  p_now      timestamptz,
  p_seconds  real,
  out change tasker.transition,
  out gated  bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Ends a step that its handler skipped. The reason is kept beside the decision that let it run.
--
-- Returns  the change to record, and who waits for the step (_advance_rarely): of those some may be
--          skipped for it
-- Raises   TK001 when the token does not hold the step
-- Locks    nothing: the caller holds the step
-- Calls    _stale, _forget, _waiting_for
declare
  v_has_saved boolean;
begin
  update tasker.steps as step
     set state = 'skipped', seconds = p_seconds, finished_at = p_now, result = null
   where step.step_id = p_step_id
     and step.claim_token = p_token
     and step.state = 'in_progress'
  returning step.has_checkpoint into v_has_saved;
  if not found then
    perform tasker._stale(p_token, array[p_step_id]);
  elsif v_has_saved then
    delete from tasker.checkpoints as saved where saved.step_id = p_step_id;
  end if;
  insert into tasker.decisions as decision (step_id, decided_at, decision, cause, saw)
  values (p_step_id, p_now, 'skip', 'handler_skipped',
          jsonb_build_object('skipped', coalesce(p_reason, '')))
      on conflict (step_id) do update set saw = decision.saw || excluded.saw;
  perform tasker._forget(array[p_step_id]);
  change := 'step in_progress -> skipped';
  gated  := tasker._waiting_for(array[p_step_id]);
end;
$$;

comment on function tasker._skip is 'Ends a step that its handler skipped. Raises TK001.';
