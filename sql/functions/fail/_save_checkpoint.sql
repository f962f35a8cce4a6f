create or replace function tasker._save_checkpoint (
  p_step_id     bigint,
  p_token       uuid,
  p_checkpoint  jsonb,
  p_after       bigint,
  p_repeat      boolean,
  p_now         timestamptz,
  out number    bigint,
  out saved_at  timestamptz,
  out is_repeat boolean
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Saves the checkpoint of a step that the token holds. The step's row decides: it is written first,
-- so of two that save at once the second sees what the first one did.
--
-- Returns  the number and the time of the checkpoint, and whether it was there already
-- Raises   TK001, TK003, TK009, 22023 as checkpoint_step
-- Locks    the step; the caller holds the claim
-- Calls    _stale, _refuse_repeat, _lost_in_a_row
declare
  v_handler text;
  v_last    tasker.checkpoints%rowtype;
begin
  update tasker.steps as step
     set has_checkpoint = true
   where step.step_id = p_step_id
     and step.claim_token = p_token
     and step.state = 'in_progress'
  returning (select link.handler from tasker.template_steps as link
              where link.template_id = step.template_id
                and link.step_no = tasker._step_no(p_step_id)) into v_handler;
  if v_handler is null then
    perform tasker._stale(p_token, array[p_step_id]);
  elsif v_handler like 'sql:%' then
    raise exception 'a handler in SQL makes no checkpoints'
      using errcode = '22023',
            detail  = 'its handler is ' || v_handler,
            hint    = 'It runs in one transaction: everything is kept, or nothing.';
  end if;
  select saved.* into v_last from tasker.checkpoints as saved where saved.step_id = p_step_id;
  is_repeat := p_after is not null
               and coalesce(v_last.number - 1 = p_after and v_last.token = p_token, false);
  if is_repeat then
    number   := v_last.number;
    saved_at := v_last.saved_at;
    if not p_repeat then
      perform tasker._refuse_repeat(
        'saved', format('checkpoint %s was saved at %s', number, saved_at));
    end if;
    return;
  elsif p_after <> coalesce(v_last.number, 0) then
    raise exception 'another checkpoint is the last one'
      using errcode = 'TK003',
            detail  = format('the last one is %s, p_after is %s', coalesce(v_last.number, 0),
                             p_after),
            hint    = 'Roll back. p_after is the number of the last checkpoint, 0 for none.';
  end if;
  insert into tasker.checkpoints as saved (step_id, checkpoint, number, token, saved_at, unlucky)
  values (p_step_id, nullif(p_checkpoint, 'null'), 1, p_token, p_now,
          case when v_last.number is null then tasker._lost_in_a_row(p_step_id) else 0 end)
      on conflict (step_id) do update
     set checkpoint = excluded.checkpoint, number = saved.number + 1, token = excluded.token,
         saved_at = excluded.saved_at
  returning saved.number, saved.saved_at into number, saved_at;
end;
$$;

comment on function tasker._save_checkpoint is 'Saves the checkpoint of a step that the token holds. Raises TK001, TK003, TK009, 22023.';
