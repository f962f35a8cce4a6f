create or replace function tasker._enter_steps (
  p_ended     bigint[],
  p_due       bigint[],
  p_is_new    boolean,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[],
  out failed  bigint[],
  out sinks   bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Steps enter: their parents have all ended, so it is decided whether they run. What that ends
-- leads to others, and so on. p_ended are children and tasks (step_no 0), once for each parent that
-- has ended; p_due are steps that are to be decided about, and that nobody is counted off any more.
-- One task, one depth at a time: what a depth leads to lies behind it, so rows are locked in the
-- order of their ids. About 1,000 steps or 100 depths a call; the rest stays undecided. Of new
-- tasks (p_is_new), all first steps are decided about at once: nobody else sees their rows.
--
-- Returns  the changes to record, the tasks in which a step failed, and the tasks of the sinks that
--          have ended (step_no 0 ids), once for each
-- Locks    the steps, in id order; waits for none longer than half a second
-- Calls    _next_depth, _count_ended, _apply_decisions, _leave_undecided
declare
  v_todo  bigint[] := array(select id from unnest(p_ended) as id where tasker._step_no(id) <> 0);
  v_due   bigint[] := p_due;
  v_next  record;
  v_ready bigint[];
  v_log   record;
  v_steps integer := 1000;
  v_depths integer := 100;
begin
  ids     := '{}';
  changes := '{}';
  failed  := '{}';
  sinks   := array(select id from unnest(p_ended) as id where tasker._step_no(id) = 0);
  while v_todo <> '{}' or v_due <> '{}' loop
    if p_is_new then
      v_ready  := v_due;
      v_due    := '{}';
      p_is_new := false;
    else
      v_next  := tasker._next_depth(v_todo, v_due);
      v_todo  := v_next.todo;
      v_due   := v_next.due;
      v_ready := tasker._count_ended(v_next.waited, v_next.unwaited, v_next.amounts);
      if v_steps < cardinality(v_ready) or v_depths < 1 then
        perform tasker._leave_undecided(
          v_ready[case when v_depths < 1 then 1 else v_steps + 1 end :], p_now);
        v_ready := case when v_depths < 1 then '{}' else v_ready[: v_steps] end;
      end if;
      v_steps  := v_steps - cardinality(v_ready);
      v_depths := v_depths - 1;
    end if;
    if v_ready <> '{}' then
      v_log   := tasker._apply_decisions(v_ready, p_now);
      ids     := ids || v_log.ids;
      changes := changes || v_log.changes;
      failed  := failed || v_log.failed;
      v_todo  := v_todo
                 || array(select id from unnest(v_log.gated) as id where tasker._step_no(id) <> 0);
      sinks   := sinks
                 || array(select id from unnest(v_log.gated) as id where tasker._step_no(id) = 0);
    end if;
  end loop;
  if p_due <> '{}' then
    delete from tasker.undecided as undecided
     where undecided.step_id = any (p_due)
       and not exists (select from tasker.steps as step
                        where step.step_id = undecided.step_id and step.state = 'pending');
  end if;
end;
$$;

comment on function tasker._enter_steps is 'Decides about steps whose parents have all ended, and about all that this leads to.';
