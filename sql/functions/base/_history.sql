create or replace function tasker._history (p_task_id bigint)
  returns setof tasker._changes
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- The changes of a task and its steps. Every change was made at a moment that a row of the task
-- still has, or its failures, or the attempts that were given back: only what was written then is
-- read. Where a moment is gone (a message was sent again), the chain of the changes found has a
-- gap, or a step was enqueued without a change: all that was written while the task lived is read
-- instead.
--
-- Returns  as _changes
-- Calls    _changes, _visits
#variable_conflict use_column
declare
  v_first constant bigint := tasker._id_of_task(p_task_id);
  v_last  constant bigint := tasker._id_of_task(p_task_id + 1);
  v_task  tasker.tasks%rowtype;
  v_times timestamptz[];
  v_found tasker._changes[];
begin
  select task.* into v_task from tasker.tasks as task where task.task_id = p_task_id;
  v_times := array(
    select distinct moment.at
      from (select unnest(array[v_task.created_at, v_task.started_at, v_task.finished_at])
             union all
            select unnest(array[visit.enqueued_at, visit.started_at, visit.ended_at])
              from tasker._visits as visit
             where visit.step_id > v_first and visit.step_id < v_last
             union all
            select decision.decided_at from tasker.decisions as decision
             where decision.step_id > v_first and decision.step_id < v_last) as moment (at)
     where moment.at is not null);
  v_found := array(
    select entry
      from unnest(v_times) as moment (at)
     cross join lateral (
           select change.* from tasker._changes as change
            where change.at = moment.at and change.id >= v_first and change.id < v_last
           offset 0) as entry);

  if exists (
    select
      from (select step.step_id as id, step.state::text as state, null as from_state,
                   null as to_state, null as previous, false as is_last, null::timestamptz as at
              from tasker.steps as step
             where step.step_id > v_first and step.step_id < v_last
             union all
            select visit.step_id, null, null, null, null, false, visit.enqueued_at
              from tasker._visits as visit
             where visit.step_id > v_first and visit.step_id < v_last
             union all
            select v_first, v_task.state::text, null, null, null, false, null
             union all
            select change.id, null, change.from_state, change.to_state,
                   lag(change.to_state) over chain,
                   lead(change.id) over chain is null, change.at
              from (select entry.*,
                           case when entry.change = 'task created' then null
                                else split_part(entry.change::text, ' ', 2) end as from_state,
                           case when entry.change = 'task created' then 'pending'
                                else split_part(entry.change::text, ' ', 4) end as to_state
                      from unnest(v_found) as entry) as change
            window chain as (partition by change.id
                                 order by change.transition_id, change.position)
           ) as line
     group by line.id
    having bool_or(line.to_state is not null
                   and line.from_state is distinct from
                       coalesce(line.previous, case when line.id <> v_first then 'pending' end))
        or max(line.state) is distinct from
           coalesce(max(line.to_state) filter (where line.is_last), 'pending')
        or not coalesce(array_agg(line.at) filter (where line.to_state = 'enqueued'), '{}')
               @> coalesce(array_agg(line.at) filter (where line.to_state is null
                                                        and line.at is not null), '{}')
  ) then
    return query
    select change.* from tasker._changes as change
     where change.at >= v_task.created_at - interval '1 hour'
       and change.at <= coalesce(v_task.finished_at + interval '1 hour', 'infinity')
       and change.id >= v_first and change.id < v_last;
  else
    return query select entry.* from unnest(v_found) as entry;
  end if;
end;
$$;

comment on function tasker._history is 'The changes of a task and its steps, found by the moments that their rows have.';
