create or replace function tasker._finish_mixed (
  p_token          uuid,
  p_outcomes       jsonb,
  p_refused        boolean,
  p_now            timestamptz,
  out ids          bigint[],
  out changes      tasker.transition[],
  out answers_step bigint,
  out lease_until  timestamptz,
  out is_repeat    boolean,
  out refused      jsonb
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Applies outcomes of whatever kind: all of them or none, or with p_refused those that can be.
--
-- Returns  what changed, one change per id; the first step reported, by which a repeated call finds
--          its answer; until when the claim held the steps; whether everything was reported
--          before; and the outcomes that were refused, null for none
-- Raises   TK001, TK002, TK006, 22023
-- Locks    the claim, own steps, children, tasks
-- Calls    _outcomes, _sift_outcomes, _take_out, _finish, _is_repeat, _stale
declare
  v_read  record;
  v_held  record;
  v_log   record;
  v_fates jsonb := '{}'::jsonb;
begin
  is_repeat := false;
  if p_refused and p_outcomes <> '[]' then
    v_read  := tasker._sift_outcomes(p_token, p_outcomes);
    v_fates := v_read.fates;
    refused := (
      select jsonb_agg(fate.value - 'outcome' || jsonb_build_object(
                         'step_uuid', entry.outcome ->> 'step_uuid') order by entry.position)
        from jsonb_array_elements(p_outcomes) with ordinality as entry (outcome, position)
       cross join lateral (
             select v_fates -> tasker._step_id((entry.outcome ->> 'step_uuid')::uuid)::text
                      as value) as fate
       where fate.value ->> 'outcome' = 'refused');
  else
    v_read := tasker._outcomes(p_outcomes);
  end if;

  answers_step := least(
    v_read.step_ids[1],
    (select min(fate.key::bigint) from jsonb_each(v_fates) as fate
      where fate.value ->> 'outcome' = 'repeated'));
  if v_read.step_ids = '{}' then
    is_repeat := answers_step is not null;
    return;
  end if;
  v_held      := tasker._take_out(p_token, v_read.step_ids);
  lease_until := v_held.lease_until;
  if v_held.worker is not null then
    v_log   := tasker._finish(p_token, v_held.worker, v_read.done_ids, v_read.results,
                              v_read.failures, p_now, v_read.seconds);
    ids     := v_log.ids;
    changes := v_log.changes;
  elsif tasker._is_repeat(
          p_token, v_read.step_ids,
          array(select (failure ->> 'step_id')::bigint
                  from jsonb_array_elements(v_read.failures) as failure)) then
    is_repeat := true;
  else
    perform tasker._stale(p_token, v_read.step_ids);
  end if;
end;
$$;

comment on function tasker._finish_mixed is 'Applies outcomes of whatever kind, all or none, or with p_refused those that can be.';
