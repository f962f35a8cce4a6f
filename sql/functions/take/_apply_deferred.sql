create or replace function tasker._apply_deferred (p_now timestamptz, p_limit integer default 100)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts what finishing steps left for later. Called by workers that found nothing to do, and by
-- the sweep.
--
-- Returns  how many joins and tasks were brought up to date
-- Locks    their rows; never waits
-- Calls    _defer_wide, _count_down_steps, _count_down_tasks, _record
declare
  v_targets bigint[];
  v_free    record;
  v_steps   record;
  v_tasks   record;
  v_last    bigint := 0;
begin
  loop
    v_targets := array(
      select distinct deferred.step_id
        from tasker.deferred_decrements as deferred
       where deferred.step_id > v_last
       order by 1
       limit p_limit);
    if cardinality(v_targets) = 0 then
      return 0;
    end if;
    v_free := tasker._defer_wide(
      v_targets,
      (select jsonb_object_agg(id, 0) from unnest(v_targets) as id));
    exit when cardinality(v_free.ids) > 0;
    v_last := v_targets[cardinality(v_targets)];  -- all of these are held: look behind them
  end loop;
  v_steps := tasker._count_down_steps(
    array(select id from unnest(v_free.ids) as id where id & 1048575 <> 0),
    v_free.amounts, p_now);
  v_tasks := tasker._count_down_tasks(
    array(select id from unnest(v_free.ids) as id where id & 1048575 = 0),
    v_free.amounts, p_now);
  perform tasker._record(v_steps.ids || v_tasks.ids, v_steps.changes || v_tasks.changes,
                         'engine', null, p_now);
  return cardinality(v_free.ids);
end;
$$;

comment on function tasker._apply_deferred is 'Counts deferred decrements of wide joins whose rows are free now. Returns how many rows it brought up to date.';
