create or replace function tasker._with_started (
  p_happened tasker.happened, p_begun bigint[], p_step_ids bigint[]
)
  returns tasker.happened
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What a call has changed, with the tasks that it began (step_no 0 ids) and the steps that it
-- started.
begin
  if p_begun <> '{}' then
    p_happened.ids     := p_happened.ids || p_begun;
    p_happened.changes := p_happened.changes || 'task pending -> in_progress'::tasker.transition;
    p_happened.counts  := p_happened.counts || cardinality(p_begun);
  end if;
  p_happened.ids     := p_happened.ids || p_step_ids;
  p_happened.changes := p_happened.changes || 'step enqueued -> in_progress'::tasker.transition;
  p_happened.counts  := p_happened.counts || cardinality(p_step_ids);
  return p_happened;
end;
$$;

comment on function tasker._with_started is 'What a call has changed, with the tasks that it began and the steps that it started.';
