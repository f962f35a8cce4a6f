create or replace function tasker._record (
  p_ids     bigint[],
  p_changes tasker.transition[],
  p_actor   text,
  p_reason  text,
  p_now     timestamptz
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- The one place through which every change of state goes: checks it against the state chart,
-- writes history. Runs of equal changes are stored once with their length (12 bytes less a step
-- in batches).
--
-- Raises   TK003 when a change is not a row of legal_transitions
declare
  v_changes tasker.transition[] := p_changes[1:1];
  v_counts  integer[] := array[1];
  v_run     integer := 1;
begin
  if coalesce(cardinality(p_ids), 0) = 0 then
    return;
  end if;
  for i in 2 .. cardinality(p_changes) loop
    if p_changes[i] = v_changes[v_run] then
      v_counts[v_run] := v_counts[v_run] + 1;
    else
      v_run            := v_run + 1;
      v_changes[v_run] := p_changes[i];
      v_counts[v_run]  := 1;
    end if;
  end loop;
  if not v_changes <@ array(select legal.transition from tasker.legal_transitions as legal) then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail = (select string_agg(distinct change::text, ', ')
                        from unnest(v_changes) as change
                       where not exists (select from tasker.legal_transitions as legal
                                          where legal.transition = change));
  end if;
  insert into tasker.transitions (
    at, actor, session_role, application, reason, ids, changes, counts
  )
  values (p_now, p_actor, session_user, current_setting('application_name'), p_reason,
          p_ids, v_changes,
          case when v_run < cardinality(p_ids) then v_counts end);
end;
$$;

comment on function tasker._record is 'Writes one row of history for a call''s changes, after checking each against legal_transitions. Raises TK003.';
