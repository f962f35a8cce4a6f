create or replace function tasker.release_claim (
  p_token      uuid,
  p_step_uuids uuid[] default null
)
  returns table (step_uuid uuid)
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
-- Gives unfinished steps of a claim back to their queues, all or those that are named; their
-- attempt does not count. For steps whose handler has not started: a worker that shuts down, or
-- that has no handler for them.
--
-- Returns  the steps given back; no rows when the claim holds none of them (any more)
-- Raises   22023 for too many steps
-- Locks    the claim, the steps
-- Calls    _give_back, _record
#variable_conflict use_column
declare
  v_now   constant timestamptz := tasker._now();
  v_claim tasker.claims%rowtype;
  v_back  bigint[];
  v_kept  bigint[];
begin
  perform tasker._check_count(coalesce(cardinality(p_step_uuids), 0), 0, 'steps_per_call');
  select claim.* into v_claim from tasker.claims as claim where claim.token = p_token for update;
  v_back := tasker._give_back(
    p_token,
    case when p_step_uuids is null then v_claim.step_ids
         else array(select id from unnest(v_claim.step_ids) as id
                     where id = any (array(select tasker._step_id(uuid)
                                             from unnest(p_step_uuids) as uuid))) end,
    1, v_now);
  v_kept := array(
    select step.step_id from tasker.steps as step
     where p_step_uuids is not null
       and step.step_id = any (v_claim.step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress'
     order by step.step_id);
  if v_kept = '{}' then
    delete from tasker.claims as claim where claim.token = p_token;
  else
    update tasker.claims as claim set step_ids = v_kept
     where claim.token = p_token and claim.step_ids <> v_kept;
  end if;
  perform tasker._record(v_back,
                         array_fill('step in_progress -> enqueued'::tasker.transition,
                                    array[cardinality(v_back)]),
                         v_claim.worker, 'given back', v_now);
  return query
  select tasker._step_uuid(task.task_uuid, back.step_id)
    from (select tasker._task_of(id) as task_id, array_agg(id) as step_ids
            from unnest(v_back) as id group by 1) as own
   cross join lateral (
         select task.task_uuid from tasker.tasks as task
          where task.task_id = own.task_id limit 1) as task
   cross join unnest(own.step_ids) as back (step_id)
   order by back.step_id;
end;
$$;

comment on function tasker.release_claim is
'Gives a claim''s unfinished steps back to their queues without counting the attempt: all of them when p_step_uuids is null, running ones too, else those that are named (up to steps_per_call). For work that has not started, when a worker shuts down, and for steps that it has no handler for. Returns the steps; no rows when the claim holds none of them any more. Raises 22023 (too many steps).';
