create or replace function tasker._sift_outcomes (
  p_token      uuid,
  p_outcomes   jsonb,
  out step_ids bigint[],
  out done_ids bigint[],
  out results  jsonb,
  out failures jsonb,
  out seconds  jsonb,
  out fates    jsonb
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Reads the outcomes of a claim as _outcomes does, and sets those aside that cannot be applied, so
-- that the others can. Nothing can come between this and their application.
--
-- Returns  what can be applied, as _outcomes; and of each other one, by its step_id:
--          {"outcome": "repeated" or "refused", "code", "message", "detail"}
-- Raises   22023 for a null token, and for what is not a list of outcomes
-- Locks    the claim, the steps in id order
-- Calls    _large_results, _outcomes, _fates, _is_repeat
declare
  v_sorted record;
  v_large  bigint[];
  v_failed bigint[];
begin
  if p_token is null then
    raise exception 'a token is needed' using errcode = '22023', detail = 'p_token is null';
  end if;
  v_sorted := tasker._large_results(p_outcomes);
  select outcome.* into step_ids, done_ids, results, failures, seconds
    from tasker._outcomes(v_sorted.outcomes) as outcome;
  v_large  := array(select tasker._step_id(name::uuid) from unnest(v_sorted.uuids) as name);
  v_failed := array(select (failure ->> 'step_id')::bigint
                      from jsonb_array_elements(failures) as failure);

  perform from tasker.claims as claim where claim.token = p_token for update;
  perform from tasker.steps as step
    where step.step_id = any (step_ids) order by step.step_id for no key update;
  select coalesce(jsonb_object_agg(fate.step_id, case
           when not exists (select from tasker.steps as step where step.step_id = fate.step_id)
             then jsonb_build_object('outcome', 'refused', 'code', 'TK002',
                                     'message', 'step not found')
           when fate.step_id = any (v_large) and fate.fate in ('held', 'finished')
             then jsonb_build_object('outcome', 'refused', 'code', 'TK006',
                                     'message', 'the result is too large, or too deep',
                                     'detail', 'limits result_bytes and json_depth')
           when tasker._is_repeat(p_token, array[fate.step_id], v_failed)
             then jsonb_build_object('outcome', 'repeated')
           else jsonb_build_object('outcome', 'refused', 'code', 'TK001',
                                   'message', 'stale claim: the token does not hold the step',
                                   'detail', fate.fate) end), '{}')
    into fates
    from tasker._fates(p_token, step_ids) as fate
   where fate.fate <> 'held' or fate.step_id = any (v_large);
  if fates <> '{}' then
    step_ids := array(select id from unnest(step_ids) as id where not fates ? id::text);
    done_ids := array(select id from unnest(done_ids) as id where not fates ? id::text);
    results  := results - array(select jsonb_object_keys(fates));
    failures := coalesce((select jsonb_agg(failure order by failure -> 'step_id')
                            from jsonb_array_elements(failures) as failure
                           where not fates ? (failure ->> 'step_id')), '[]');
  end if;
end;
$$;

comment on function tasker._sift_outcomes is 'Reads outcomes as _outcomes does, and sets aside, with the reason, those that cannot be applied. Locks the claim and the steps. Raises 22023.';
