create or replace function tasker._advance_rarely (
  p_step_ids  bigint[],
  p_children  bigint[],
  p_left      bigint[],
  p_sinks     bigint[],
  p_wide      bigint[],
  p_amounts   jsonb,
  p_failed    bigint[],
  p_now       timestamptz,
  p_gated     bigint[] default null,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- What is not on the street when steps finish: children and tasks that somebody else is at, joins
-- of more than 16 parents, tasks that are blocked by failures or finalized from outside. p_left are
-- children whose only parent finished while somebody was at them: they are not waited for, nor are
-- wide ones. p_failed are tasks in which a step failed for good. p_gated are children and tasks
-- (step_no 0) in gated templates, or of skipped steps, once for each parent that has ended.
--
-- Returns  the changes to record, one per id
-- Locks    children, then tasks, each in id order, waiting for a moment; others only where free
-- Calls    _count_or_defer, _defer_wide, _count_down_steps, _enter_steps, _advance_tasks,
--          _end_gated
declare
  v_free  record;
  v_log   record;
  v_gate  record;
  v_ended bigint[];
begin
  v_log   := tasker._count_or_defer(coalesce(p_children, '{}'), p_amounts, p_now);
  ids     := v_log.ids;
  changes := v_log.changes;
  if p_wide is not null or p_left is not null then
    v_free  := tasker._defer_wide(
      array(select id from unnest(p_wide || p_left) as id
             where tasker._step_no(id) <> 0 order by id),
      p_amounts);
    v_log   := tasker._count_down_steps(v_free.ids, v_free.amounts, p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;
  if p_gated is not null then
    v_gate   := tasker._enter_steps(p_gated, '{}', false, p_now);
    ids      := ids || v_gate.ids;
    changes  := changes || v_gate.changes;
    v_ended  := v_gate.sinks;
    p_failed := array(select distinct id from unnest(p_failed || v_gate.failed) as id order by 1);
  end if;
  v_log   := tasker._advance_tasks(
    array(select distinct tasker._task_of(id) from unnest(p_step_ids) as id order by 1),
    coalesce(p_sinks, '{}'),
    array(select id from unnest(p_wide) as id where tasker._step_no(id) = 0),
    p_amounts, p_failed, p_now);
  ids     := ids || v_log.ids;
  changes := changes || v_log.changes;
  if v_ended <> '{}' then
    v_log   := tasker._end_gated(v_ended, '{}', p_now);
    ids     := ids || v_log.ids;
    changes := changes || v_log.changes;
  end if;
end;
$$;

comment on function tasker._advance_rarely is 'What is not on the street when steps finish: rows in use, wide joins, blocked tasks. Returns the changes to record.';
