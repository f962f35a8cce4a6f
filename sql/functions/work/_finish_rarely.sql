create or replace function tasker._finish_rarely (
  p_place         tasker.place,
  p_wanted        tasker.wanted,
  p_token         uuid,
  p_outcomes      jsonb,
  p_release       uuid[],
  p_refused       boolean,
  p_now           timestamptz,
  out token       uuid,
  out lease_until timestamptz,
  out step_ids    bigint[],
  out refused     jsonb
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- finish_and_claim for all that is not plain success: failures, large results, steps that are given
-- back, outcomes that are reported again or too late, and those that are wrong.
--
-- Returns  the claim made, or that which the first call made, nulls for none; and with p_refused
--          [{"step_uuid", "code", "message", "detail"}] for each outcome that was refused
-- Raises   TK001, TK002, TK006, 22023
-- Locks    the claim, own steps, children, tasks; then as claim_steps
-- Calls    _finish_mixed, _step_id, release_claim, _stale, _take_steps
declare
  v_done  constant record := tasker._finish_mixed(p_token, coalesce(p_outcomes, '[]'), p_refused,
                                                  p_now);
  v_back  constant bigint[] := array(select distinct tasker._step_id(id)
                                       from unnest(p_release) as id order by 1);
  v_counts constant integer[] :=
    array_fill(1, array[coalesce(cardinality(v_done.ids), 0)]);
  v_given uuid[];
  v_got   record;
begin
  refused := v_done.refused;
  if v_done.is_repeat and p_wanted.request is null then
    select claim.token, claim.lease_until, claim.step_ids into token, lease_until, step_ids
      from tasker.claims as claim
     where claim.answers_token = p_token and claim.answers_step = v_done.answers_step;
    return;
  end if;
  if v_back <> '{}' and not v_done.is_repeat then
    v_given := array(select given.step_uuid from tasker.release_claim(p_token, p_release) as given);
    if cardinality(v_given) < cardinality(v_back) then
      perform tasker._stale(p_token, array(
        select id from unnest(v_back) as id
         where id <> all (array(select tasker._step_id(given) from unnest(v_given) as given))));
    end if;
  end if;
  v_got := tasker._take_steps(p_place, p_wanted,
                              case when v_done.answers_step is not null then p_token end,
                              v_done.answers_step,
                              coalesce(v_done.lease_until,
                                       case when v_given is not null then p_now end),
                              row(v_done.ids, v_done.changes, v_counts)::tasker.happened,
                              null, p_now);
  token       := v_got.token;
  lease_until := v_got.lease_until;
  step_ids    := v_got.step_ids;
end;
$$;

comment on function tasker._finish_rarely is 'finish_and_claim for all that is not plain success.';
