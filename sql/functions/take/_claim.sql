create or replace function tasker._claim (
  p_namespace     text,
  p_worker        text,
  p_limit         integer,
  p_lease         interval,
  p_answers_token uuid,
  p_answers_step  bigint,
  p_ids           bigint[],
  p_changes       tasker.transition[]
)
  returns uuid
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Takes up to p_limit steps for a worker and writes the claim, and one row of history for the whole
-- call (p_ids and p_changes are what the call did before); two when the queues were empty at first.
--
-- Returns  the claim's token, null when there was nothing to take
-- Locks    messages, steps, tasks; when a row is not free within 2 ms, its pointer goes back
-- Calls    _pop, _try_start, _put_back, _record, _fail_overfed, _commit_soon; _seek when nothing of
--          what was popped could run; _apply_deferred and _sweep_timers when the queues are empty
declare
  v_now       constant timestamptz := tasker._now();
  v_namespace tasker.namespaces%rowtype;
  v_token     uuid := gen_random_uuid();
  v_popped    bigint[];
  v_start     record;
  v_busy      bigint[];
  v_steps     bigint[];
begin
  select namespace.* into v_namespace
    from tasker.namespaces as namespace
   where namespace.name = p_namespace;

  if v_namespace.paused_at is null and p_limit > 0 then
    for round in 1 .. 10 loop
      v_popped := tasker._pop(p_namespace, p_limit, v_now);
      exit when v_popped is not null;
      -- These two write history themselves: what the call did before them comes first.
      perform tasker._record(p_ids, p_changes, p_worker, null, v_now);
      p_ids     := '{}';
      p_changes := '{}';
      exit when tasker._apply_deferred(v_now) = 0 and tasker._sweep_timers(100, v_now) = 0;
    end loop;
    v_start := tasker._try_start(v_popped, v_namespace.namespace_id, v_token, v_now);
    v_busy  := v_start.busy;
    if v_popped is not null and (cardinality(v_start.step_ids) > 0) is not true then
      v_start := tasker._seek(p_namespace, v_namespace.namespace_id, p_limit, v_token, v_now);
      v_busy  := v_busy || v_start.busy;
    end if;
    v_steps := v_start.step_ids;
  end if;
  if cardinality(v_busy) > 0 then
    perform tasker._put_back(v_busy, v_now);
  end if;

  if cardinality(v_steps) > 0 then
    insert into tasker.claims (
      token, namespace_id, worker, claimed_at, lease_until, step_ids, answers_token, answers_step
    )
    values (
      v_token, v_namespace.namespace_id, p_worker, v_now, v_now + p_lease, v_steps,
      p_answers_token, p_answers_step
    );
    perform tasker._record(p_ids || v_start.ids, p_changes || v_start.changes, p_worker, null,
                           v_now);
    if cardinality(v_start.wide) > 0 then
      perform tasker._fail_overfed(v_token, p_worker, v_start.wide, v_now);
    end if;
    perform tasker._commit_soon(v_now + p_lease);
    return v_token;
  end if;
  perform tasker._record(p_ids, p_changes, p_worker, null, v_now);
  return null;
end;
$$;

comment on function tasker._claim is 'Takes steps for a worker, writes the claim and the call''s history. Returns the token, null when there was nothing.';
