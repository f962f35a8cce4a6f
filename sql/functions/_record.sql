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
-- The one place through which every change of state goes: checks it against the state chart, writes history.
--
-- Raises   TK003 when a change is not a row of legal_transitions
begin
  if coalesce(cardinality(p_ids), 0) = 0 then
    return;
  end if;
  if not p_changes <@ array(select legal.transition from tasker.legal_transitions as legal) then
    raise exception 'illegal transition'
      using errcode = 'TK003',
            detail = (select string_agg(distinct change::text, ', ')
                        from unnest(p_changes) as change
                       where not exists (select from tasker.legal_transitions as legal where legal.transition = change));
  end if;
  insert into tasker.transitions (at, actor, session_role, application, reason, ids, changes)
  values (p_now, p_actor, session_user, current_setting('application_name'), p_reason, p_ids, p_changes);
end;
$$;

comment on function tasker._record is 'Writes one row of history for a call''s changes, after checking each against legal_transitions. Raises TK003.';
