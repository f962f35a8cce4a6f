create or replace function tasker.explain_step (p_step_uuid uuid)
  returns table (
    rank       integer,
    code       text,
    blocks     boolean,
    reason     text,
    since      timestamptz,
    until      timestamptz,
    who        text,
    cure       text,
    cause_uuid uuid
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- Why is this step not running? For one that waits for its parents, the answer is in the steps at
-- the other end of the waiting: those that could move, and do not. 20 at most, the worst first.
--
-- Returns  reasons, what blocks first; a step that nothing blocks may be claimed in its turn
-- Raises   TK002 no such step, 22023 null
-- Calls    _existing_step_id, _task_uuid, _holds_up, _reasons, _broken_cure
#variable_conflict use_column
declare
  v_step_id   constant bigint := tasker._existing_step_id(p_step_uuid);
  v_task      constant bigint := tasker._id_of_task(tasker._task_of(v_step_id));
  v_task_uuid constant uuid := tasker._task_uuid(p_step_uuid);
  v_causes    bigint[];
begin
  with recursive waiting as (
    select v_step_id as step_id
    union
    select parent.step_id
      from waiting
      join tasker.steps as step on step.step_id = waiting.step_id
                               and step.state = 'pending'
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(step.step_id)
     cross join unnest(link.parents) as parent_no
      join tasker.steps as parent on parent.step_id = v_task + parent_no
                                 and tasker._holds_up(parent.state, link.features)
  )
  select array_agg(waiting.step_id
                   order by step.state = 'error' desc, step.state = 'waiting_for_retry' desc,
                            step.state <> 'enqueued' desc, waiting.step_id)
    into v_causes
    from waiting
    join tasker.steps as step on step.step_id = waiting.step_id
   where waiting.step_id <> v_step_id
     and (step.state <> 'pending'
          or step.waiting_parents = 0
          or exists (select from tasker.deferred_decrements as deferred
                      where deferred.step_id = step.step_id));

  return query
  with answer as (
    select own.rank, own.code, own.blocks, own.reason, own.since, own.until, own.who, own.cure,
           own.step_id
      from tasker._reasons(array[v_step_id]) as own
    union all
    select cause.rank, 'waits_for_step', true,
           format(case when tasker._step_no(cause.step_id) = any (own.parents)
                         then 'waits for %s: %s' else 'waits for %s, further up: %s' end,
                  link.name, cause.reason),
           cause.since, cause.until, cause.who, cause.cure, cause.step_id
      from (select distinct on (cause.step_id) cause.*
              from tasker._reasons(v_causes[1:20]) as cause
             order by cause.step_id, cause.blocks desc, cause.rank) as cause
     cross join lateral (
           select step.template_id from tasker.steps as step
            where step.step_id = cause.step_id limit 1) as step
     cross join lateral (
           select link.name from tasker.template_steps as link
            where link.template_id = step.template_id
              and link.step_no = tasker._step_no(cause.step_id) limit 1) as link
     cross join lateral (
           select own.parents from tasker.template_steps as own
            where own.template_id = step.template_id
              and own.step_no = tasker._step_no(v_step_id) limit 1) as own
    union all
    select 100, 'waits_for_step', true, format('and for %s more', cardinality(v_causes) - 20),
           null, null, null, null, v_causes[21]
     where cardinality(v_causes) > 20
  )
  select row_number() over (order by answer.blocks desc, answer.rank, answer.step_id)::integer,
         answer.code, answer.blocks, answer.reason, answer.since, answer.until, answer.who,
         answer.cure, tasker._step_uuid(v_task_uuid, answer.step_id)
    from answer
   order by 1;
  if not found then
    return query
    select 1, 'broken', true, 'nothing explains it: an invariant is broken',
           null::timestamptz, null::timestamptz, null::text,
           tasker._broken_cure(v_task_uuid), p_step_uuid;
  end if;
end;
$$;

comment on function tasker.explain_step is
'Why is this step not running? Ranked reasons, what blocks first: a code, a sentence, since and until when, who, and the statement (or command) that would cure it. Codes: failed, namespace_paused, template_paused, task_paused, lease_expired, message_lost, submitted, due, uncounted, undecided, retry_scheduled, scheduled, running, waits_for_parents, waits_for_signal, waits_for_time, waits_for_condition, sleeps, ended, waits_for_step (cause_uuid is the step in which the cause lies), broken, and, blocking nothing, no_worker, handler_missing and queued. A step that nothing blocks may be claimed in its turn; a lost message is noticed then. Raises TK002 (unknown step), 22023 (null).';
