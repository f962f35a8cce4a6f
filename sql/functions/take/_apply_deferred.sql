create or replace function tasker._apply_deferred (p_now timestamptz, p_limit integer default 100)
  returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts what finishing steps left for later, and decides about the steps that they left undecided.
-- Called by workers that found nothing to do, and by the sweep.
--
-- Returns  how many joins and tasks were brought up to date, or changes came of decisions
-- Locks    their rows; never waits, but behind a decision for half a second
-- Calls    _defer_wide, _count_down_steps, _count_down_tasks, _record; for gates _enter_due
declare
  v_targets bigint[];
  v_free    record;
  v_steps   record;
  v_tasks   record;
  v_last    bigint := 0;
  v_due     bigint[];
  v_log     record;
  v_decided integer := 0;
begin
  loop
    select array_agg(target.step_id order by target.step_id) filter (where not target.for_gate),
           array_agg(target.step_id order by target.step_id) filter (where target.for_gate),
           max(target.step_id)
      into v_targets, v_due, v_last
      from (select deferred.step_id, coalesce(bool_or(deferred.for_gate), false) as for_gate
              from tasker.deferred_decrements as deferred
             where deferred.step_id > v_last
             group by deferred.step_id
             order by deferred.step_id
             limit p_limit) as target;
    if v_due is not null then
      v_log     := tasker._enter_due(v_due, false, p_now, true);
      v_decided := v_decided + cardinality(v_log.ids);
      perform tasker._record(v_log.ids, v_log.changes, 'engine', null, p_now);
    end if;
    if v_last is null or v_targets is null and v_decided > 0 then
      return v_decided;
    end if;
    continue when v_targets is null;
    v_free := tasker._defer_wide(
      v_targets,
      (select jsonb_object_agg(id, 0) from unnest(v_targets) as id));
    exit when cardinality(v_free.ids) > 0;  -- else all of these are held: look behind them
  end loop;
  v_steps := tasker._count_down_steps(
    array(select id from unnest(v_free.ids) as id where tasker._step_no(id) <> 0),
    v_free.amounts, p_now);
  v_tasks := tasker._count_down_tasks(
    array(select id from unnest(v_free.ids) as id where tasker._step_no(id) = 0),
    v_free.amounts, p_now);
  perform tasker._record(v_steps.ids || v_tasks.ids, v_steps.changes || v_tasks.changes,
                         'engine', null, p_now);
  return cardinality(v_free.ids) + v_decided;
end;
$$;

comment on function tasker._apply_deferred is 'Counts deferred decrements of wide joins whose rows are free now. Returns how many rows it brought up to date.';
