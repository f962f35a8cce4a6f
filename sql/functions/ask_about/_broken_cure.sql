create or replace function tasker._broken_cure (p_task_uuid uuid)
  returns text
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What to do about a task in which an invariant is broken.
--
-- Returns  a statement
select format('select * from tasker.check_invariants(%L)', p_task_uuid);
$$;

comment on function tasker._broken_cure is 'What to do about a task in which an invariant is broken.';
