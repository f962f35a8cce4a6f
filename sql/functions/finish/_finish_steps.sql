create or replace function tasker._finish_steps (
  p_token     uuid,
  p_step_ids  bigint[],
  p_results   jsonb[],
  p_seconds   real[],
  p_now       timestamptz,
  p_keep      integer,
  p_queue     text,
  out ids     bigint[],
  out changes tasker.transition[],
  out counts  integer[],
  out kept    bigint[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Completes steps that were taken out of their claim, and all that follows from it: their children
-- are counted down, those that may now run are sent, tasks end with their last sink.
--
-- Returns  the changes to record: the first counts[1] of ids made changes[1], and so on; and up to
--          p_keep steps that may now run and would go to p_queue, which the caller serves: their
--          pointers were not sent, the caller starts them
-- Raises   TK001 when the token does not hold one of the steps
-- Locks    the steps, their children, their tasks, each in id order
-- Calls    _complete_one, _complete_steps, _count_one, _count_children, _end_tasks; beside the
--          street _end_alarmed, _advance_rarely, _times
declare
  v_done   record;
  v_is_all boolean;
  v_count  record;
  v_ready  bigint[];
  v_left   bigint[];
  v_ended  bigint[];
  v_rest   record;
  v_gated  bigint[];
  v_asked  bigint[];
  v_answers tasker.transition[];
  v_failed bigint[] := '{}'::bigint[];
begin
  if cardinality(p_step_ids) = 1 then
    v_done := tasker._complete_one(p_token, p_step_ids[1], p_results[1], p_seconds[1], p_now);
  else
    v_done := tasker._complete_steps(p_token, p_step_ids, p_results, p_seconds, p_now);
  end if;
  v_is_all := v_done.wide is null and v_done.gated is null and v_done.alarmed is null
              and not v_done.is_blocked;
  if v_done.alarmed is not null then
    v_rest     := tasker._end_alarmed(v_done.alarmed, v_done.checks, p_token, 'engine', p_now);
    p_step_ids := v_rest.plain || array(
      select id from unnest(p_step_ids) as id where id <> all (v_done.alarmed));
    v_gated    := v_rest.gated;
    v_asked    := v_done.checks;
    v_answers  := v_rest.changes;
    v_failed   := v_rest.failed;
  end if;
  if v_done.children is not null then
    if cardinality(v_done.children) = 1 and v_done.amounts is null then
      v_count := tasker._count_one(v_done.children[1], v_done.joins is not null,
                                   v_done.is_waited, p_now, p_keep, p_queue);
    else
      v_count := tasker._count_children(v_done.children, v_done.joins, v_done.amounts,
                                        v_done.is_waited, p_now, p_keep, p_queue);
    end if;
    v_ready  := v_count.ready;
    v_left   := v_count.rest;
    kept     := v_count.kept;
    v_is_all := v_is_all and v_ready is not null and v_left is null;
  end if;
  if v_is_all and v_done.sinks is not null then
    v_ended  := tasker._end_tasks(v_done.sinks, v_done.amounts, p_now);
    v_is_all := v_ended is not null;
  end if;

  ids     := p_step_ids || v_ready || v_ended;
  changes := '{step in_progress -> complete}';
  counts  := array[cardinality(p_step_ids)];
  if v_ready <> '{}' then
    changes := changes || 'step pending -> enqueued'::tasker.transition;
    counts  := counts || cardinality(v_ready);
  end if;
  if v_ended <> '{}' then
    changes := changes || 'task in_progress -> complete'::tasker.transition;
    counts  := counts || cardinality(v_ended);
  end if;
  if not v_is_all then
    v_rest  := tasker._advance_rarely(p_step_ids || v_asked,
                                      case when v_ready is null then v_done.children end,
                                      v_left, v_done.sinks, v_done.wide, v_done.amounts, v_failed,
                                      p_now,
                                      v_gated || tasker._times(v_done.gated, v_done.amounts));
    ids     := ids || v_asked || v_rest.ids;
    changes := changes || v_answers || v_rest.changes;
    counts  := counts
               || array_fill(1, array[cardinality(v_answers || v_rest.changes)]);
  end if;
end;
$$;

comment on function tasker._finish_steps is 'Completes steps that were taken out of their claim, and all that follows. Returns the changes to record. Raises TK001.';
