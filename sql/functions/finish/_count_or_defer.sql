create or replace function tasker._count_or_defer (
  p_targets   bigint[],
  p_amounts   jsonb,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Counts finished parents off their children, or finished sinks off their tasks (step_no 0), and
-- waits half a second for rows that others hold, or less if the caller does. A session that
-- holds one longer is frozen: then what is not free is deferred, and nobody else waits.
--
-- Returns  the changes to record
-- Locks    the children or the tasks, in id order
-- Calls    _count_down_steps, _count_down_tasks, _defer_wide
declare
  v_patience constant text := current_setting('lock_timeout');
  v_is_task  constant boolean := tasker._step_no(p_targets[1]) = 0;
  v_free     record;
  v_log      record;
begin
  ids     := '{}';
  changes := '{}';
  if cardinality(p_targets) = 0 then
    return;
  end if;
  begin
    if v_patience::interval not between '1 ms' and '500 ms' then
      perform set_config('lock_timeout', '500ms', true);
    end if;
    if v_is_task then
      v_log := tasker._count_down_tasks(p_targets, p_amounts, p_now);
    else
      v_log := tasker._count_down_steps(p_targets, p_amounts, p_now);
    end if;
    perform set_config('lock_timeout', v_patience, true);
  exception when lock_not_available then  -- which takes the setting back, too
    v_free := tasker._defer_wide(p_targets, p_amounts);
    if v_is_task then
      v_log := tasker._count_down_tasks(v_free.ids, v_free.amounts, p_now);
    else
      v_log := tasker._count_down_steps(v_free.ids, v_free.amounts, p_now);
    end if;
  end;
  ids     := v_log.ids;
  changes := v_log.changes;
end;
$$;

comment on function tasker._count_or_defer is 'Counts finished parents or sinks off; those of rows that stay locked for half a second are deferred.';
