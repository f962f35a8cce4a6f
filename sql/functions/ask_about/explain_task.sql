create or replace function tasker.explain_task (p_task_uuid uuid)
  returns table (
    rank       integer,
    code       text,
    blocks     boolean,
    steps      integer,
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
-- What does this task wait for? Of its open steps only those that could move are asked (the others
-- wait for them), 1000 at most, those that failed first; each kind of reason is returned once, with
-- the step that has had it for longest.
--
-- Returns  reasons, what blocks first; steps is how many have it, null where it is the task's own
-- Raises   TK002 no such task, 22023 null
-- Calls    _task_id, _time_left, _task_reason, _satisfies, _reasons, _broken_cure
#variable_conflict use_column
declare
  v_task_id constant bigint := tasker._task_id(p_task_uuid);
  v_asked   bigint[];
  v_ahead   text;
  v_rows    integer;
begin
  v_asked := array(
    select step.step_id
      from tasker.steps as step
     where step.step_id > tasker._id_of_task(v_task_id)
       and step.step_id < tasker._id_of_task(v_task_id + 1)
       and step.state in ('pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting',
                          'error')
       and (step.state <> 'pending'
            or step.waiting_parents = 0
            or exists (select from tasker.deferred_decrements as deferred
                        where deferred.step_id = step.step_id))
     order by step.state = 'error' desc, step.state = 'waiting_for_retry' desc,
              step.state <> 'enqueued' desc, step.step_id);

  select ahead.said into v_ahead
    from tasker.tasks as task
   cross join lateral tasker._time_left(task.task_id, task.deadline, tasker._now()) as ahead
   where task.task_id = v_task_id and task.finished_at is null and task.deadline is not null;
  return query
  with answer as (
    select own.rank, own.code, own.blocks, null::integer as steps, own.reason, own.since, own.until,
           own.who, own.cure, p_task_uuid as cause_uuid
      from tasker._task_reason(v_task_id) as own
    union all
    select one.rank, one.code, one.blocks, one.steps, format('%s: %s', link.name, one.reason),
           one.since, one.until, one.who, one.cure, tasker._step_uuid(p_task_uuid, one.step_id)
      from (select distinct on (each.code)
                   each.*, count(*) over (partition by each.code)::integer as steps
              from tasker._reasons(v_asked[1:1000]) as each
             order by each.code, each.since, each.step_id) as one
      join tasker.steps as step on step.step_id = one.step_id
      join tasker.template_steps as link on link.template_id = step.template_id
                                        and link.step_no = tasker._step_no(one.step_id)
    union all
    select 95, 'deadline', false, null, v_ahead, null,
           (select task.deadline from tasker.tasks as task where task.task_id = v_task_id),
           null,
           format('select * from tasker.set_deadline(%L, ''<when>'', ''<why>'')', p_task_uuid),
           p_task_uuid
     where v_ahead is not null
    union all
    select 100, 'unasked', false, cardinality(v_asked) - 1000,
           format('%s more could move, and were not asked', cardinality(v_asked) - 1000),
           null, null, null, null, tasker._step_uuid(p_task_uuid, v_asked[1001])
     where cardinality(v_asked) > 1000
  )
  select row_number() over (order by answer.blocks desc, answer.rank, answer.code)::integer,
         answer.code, answer.blocks, answer.steps, answer.reason, answer.since, answer.until,
         answer.who, answer.cure, answer.cause_uuid
    from answer
   order by 1;
  get diagnostics v_rows = row_count;
  if v_rows = (v_ahead is not null)::integer then
    return query
    select 1, 'broken', true, null::integer, 'nothing explains it: an invariant is broken',
           null::timestamptz, null::timestamptz, null::text, tasker._broken_cure(p_task_uuid),
           p_task_uuid;
  end if;
end;
$$;

comment on function tasker.explain_task is
'What does this task wait for? Ranked reasons, as explain_step gives them for the steps that could move; each kind once, with the number of steps that have it and the one that has had it for longest (cause_uuid). The task''s own: ended, and unfinalized (all is done; a processor is to finalize it, or the sweep), and broken. Asks 1000 steps at most; unasked says how many more there are; deadline, which blocks nothing, how much time is left. Raises TK002 (unknown task), 22023 (null).';
