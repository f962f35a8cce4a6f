create or replace function tasker._time_left (
  p_task_id  bigint,
  p_deadline timestamptz,
  p_now      timestamptz,
  out rest   interval,
  out said   text
)
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What is left to do in a task that is to be done by a moment, against the time that is left.
--
-- Returns  how long the rest usually takes, null when nobody can foresee it; and both in words
-- Calls    _foreseen_ends, _ago
declare
  v_ahead constant record := tasker._foreseen_ends(p_task_id);
begin
  rest := (select case when bool_and(own.ends_at is not null)
                       then greatest(max(own.ends_at) - p_now, interval '0') end
             from unnest(v_ahead.ends_at) as own (ends_at));
  said := case when p_deadline <= p_now
                 then format('it was to be done %s ago', tasker._ago(p_now - p_deadline))
               else format('it must be done in %s', tasker._ago(p_deadline - p_now)) end
          || coalesce('; the usual rest takes ' || tasker._ago(rest), '');
end;
$$;

comment on function tasker._time_left is 'What is left to do in a task against the time that is left.';
