create or replace function tasker._note_creation (
  p_task_ids bigint[], p_enqueued bigint[], p_options jsonb, p_now timestamptz
)
  returns timestamptz
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Writes down who asked for tasks, and that their first steps were enqueued, where they were.
--
-- Returns  p_now
-- Calls    _write_history
declare
  v_happened tasker.happened := row(
    array(select tasker._id_of_task(id) from unnest(p_task_ids) as id),
    '{task created}', array[cardinality(p_task_ids)]);
begin
  if p_enqueued is not null then
    v_happened.ids     := v_happened.ids || p_enqueued;
    v_happened.changes := v_happened.changes || 'step pending -> enqueued'::tasker.transition;
    v_happened.counts  := v_happened.counts || cardinality(p_enqueued);
  end if;
  return tasker._write_history(v_happened, coalesce(p_options ->> 'initiator', session_user), p_now,
                               p_options ->> 'reason');
end;
$$;

comment on function tasker._note_creation is 'Writes down who asked for tasks, and that their first steps were enqueued.';
