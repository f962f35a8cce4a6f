create or replace function tasker.release_claim (p_token uuid)
  returns table (step_uuid uuid)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Gives the unfinished steps of a claim back to their queues; their attempt does not count. For
-- steps whose handler has not started: a worker that shuts down.
--
-- Returns  the steps given back; no rows when the claim holds nothing (any more)
-- Locks    the claim, the steps
-- Calls    _give_back, _record
#variable_conflict use_column
declare
  v_claim tasker.claims%rowtype;
  v_back  bigint[];
  v_now   timestamptz;
begin
  delete from tasker.claims as claim where claim.token = p_token returning claim.* into v_claim;
  if not found then
    return;
  end if;
  v_now  := tasker._now();
  v_back := tasker._give_back(p_token, v_claim.step_ids, 1, v_now);
  perform tasker._record(v_back,
                         array_fill('step in_progress -> enqueued'::tasker.transition,
                                    array[cardinality(v_back)]),
                         v_claim.worker, 'given back', v_now);
  return query
  select tasker._step_uuid(task.task_uuid, back.step_id)
    from unnest(v_back) as back (step_id)
    join tasker.tasks as task on task.task_id = back.step_id >> 20
   order by back.step_id;
end;
$$;

comment on function tasker.release_claim is
'Gives a claim''s unfinished steps back to their queues without counting the attempt: for work that has not started, when a worker shuts down. Returns the steps; no rows when the claim holds nothing any more.';
