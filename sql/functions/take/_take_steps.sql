create or replace function tasker._take_steps (
  p_place         tasker.place,
  p_wanted        tasker.wanted,
  p_answers_token uuid,
  p_answers_step  bigint,
  p_until         timestamptz,
  p_happened      tasker.happened,
  p_kept          bigint[],
  p_now           timestamptz,
  out token       uuid,
  out lease_until timestamptz,
  out step_ids    bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes steps for a worker, and writes the claim and one row of history for the whole call
-- (p_happened is what the call did before). The steps in p_kept come first: this call made them
-- ready, and their pointers never went into a queue.
--
-- Returns  the claim; nulls when there was nothing to take
-- Locks    messages, steps, tasks that begin, each in id order; skips what others hold
-- Calls    _find_steps, _write_history, _commit_by; beside the street _claim_again, _look_after,
--          _settle_request, _register, _wake, _fail_overfed
declare
  v_got record;
begin
  if p_wanted.request is not null then
    select again.token, again.lease_until, again.step_ids into token, lease_until, step_ids
      from tasker._claim_again(p_place, p_wanted, p_now) as again;
    if step_ids is not null or p_wanted.most = 0 then
      p_now := tasker._write_history(p_happened, p_wanted.worker, p_now);
      p_now := tasker._commit_by(least(p_until, lease_until), p_now);
      return;
    end if;
  end if;
  token := coalesce(token, gen_random_uuid());
  for round in 1 .. 10 loop
    v_got    := tasker._find_steps(p_place, p_wanted, p_kept, token, p_now);
    step_ids := v_got.step_ids;
    exit when step_ids <> '{}' or p_wanted.most = 0 or p_place.is_paused;
    -- Nothing to do: what these change is written down after what the call did before them.
    p_now      := tasker._write_history(p_happened, p_wanted.worker, p_now);
    p_happened := null;
    p_kept     := null;
    exit when not tasker._look_after(p_now);
  end loop;

  if step_ids <> '{}' then
    lease_until := p_now + least(p_wanted.lease, v_got.seconds * interval '1 second');
    if p_wanted.request is null then
      insert into tasker.claims (
        token, namespace_id, worker, claimed_at, lease_until, step_ids, answers_token, answers_step
      )
      values (
        _take_steps.token, p_place.namespace_id, p_wanted.worker, p_now, _take_steps.lease_until,
        _take_steps.step_ids, p_answers_token, p_answers_step
      );
    else
      perform tasker._settle_request(token, lease_until, step_ids, p_answers_token, p_answers_step);
    end if;
    p_happened := tasker._with_started(p_happened, v_got.begun, step_ids);
    p_now      := tasker._write_history(p_happened, p_wanted.worker, p_now);
    p_now      := tasker._commit_by(least(p_until, lease_until), p_now);
    if v_got.wide is not null then
      perform tasker._fail_overfed(p_place, token, p_wanted.worker, v_got.wide, p_now);
    end if;
    if p_place.is_waited and v_got.more then
      perform tasker._wake(p_place.namespace_id, 1, p_now, p_wanted.worker);
    end if;
  else
    p_now := tasker._write_history(p_happened, p_wanted.worker, p_now);
    p_now := tasker._commit_by(p_until, p_now);
    if p_wanted.request is not null then
      perform tasker._settle_request(token, null, null, null, null);
    end if;
    if p_wanted.wait is not null and p_wanted.most > 0 then
      p_now := tasker._register(p_place.namespace_id, p_wanted.worker, p_wanted.wait, p_now);
    end if;
    token := null;
  end if;
end;
$$;

comment on function tasker._take_steps is 'Takes steps for a worker, writes the claim and the call''s history. Nulls when there was nothing.';
