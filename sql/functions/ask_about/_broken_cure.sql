create or replace function tasker._broken_cure (p_task_uuid uuid)
  returns text
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What to do about a task in which an invariant is broken.
--
-- Returns  a statement, and what comes after it
select format('select * from tasker.check_invariants(%L); says which; then cancel_task or '
              'resolve_task, and create it again', p_task_uuid);
$$;

comment on function tasker._broken_cure is 'What to do about a task in which an invariant is broken.';
