create or replace function tasker._write_history (
  p_happened tasker.happened, p_actor text, p_now timestamptz, p_reason text default null
)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Writes one row of history: the first counts[1] ids made changes[1], and so on. Every value of the
-- type transition is a row of legal_transitions, so nothing is looked up here.
--
-- Returns  p_now: an assignment of a function's value costs a tenth of a statement of its own
begin
  if cardinality(p_happened.ids) > 0 then
    insert into tasker.transitions (
      at, actor, session_role, application, reason, ids, changes, counts
    )
    values (p_now, p_actor, session_user, current_setting('application_name'), p_reason,
            p_happened.ids, p_happened.changes,
            nullif(p_happened.counts, array_fill(1, array[cardinality(p_happened.counts)])));
  end if;
  return p_now;
end;
$$;

comment on function tasker._write_history is 'Writes one row of history for a call''s changes. Returns p_now.';
