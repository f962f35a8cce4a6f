create or replace function tasker._may_keep (
  p_place tasker.place, p_limit bigint, p_now timestamptz
)
  returns integer
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- How many of the steps that a worker's own steps make ready it may go on with at once, past all
-- that waits in the queues: as many as it asks for, while its last look at all three queues is
-- less than half a second old and saw nothing of high priority. Then the next look is due, and the
-- oldest message comes first again. While anything is paused, none.
--
-- Calls    _read_hint
begin
  return case when p_place.is_careful or p_place.is_paused then 0
              when (tasker._read_hint(p_place.name, p_now))[5] = 't' then p_limit
              else 0 end;
end;
$$;

comment on function tasker._may_keep is 'How many of the steps that a worker''s own steps make ready it may go on with at once.';
