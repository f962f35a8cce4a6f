create or replace function tasker._wait_reasons (p_step_ids bigint[], p_now timestamptz)
  returns table (
    step_id bigint, rank integer, code text, blocks boolean, reason text,
    since timestamptz, until timestamptz, who text, cure text
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- What the waiting ones of these steps wait for, since when, and what happens when nothing does.
--
-- Returns  one row for each
-- Calls    _ago
#variable_conflict use_column
declare
  v_then constant jsonb := '{"fail": "fails", "skip": "is skipped", "continue": "goes on"}'::jsonb;
begin
  return query
  select wait.step_id, 50, said.code, true, said.reason || said.after, wait.opened_at, wait.until,
         null::text, said.cure
    from tasker.waits as wait
   cross join lateral (
         select step.template_id, step.state from tasker.steps as step
          where step.step_id = wait.step_id limit 1) as step
   cross join lateral (
         select link.handler, link.features -> 'wait' as wait from tasker.template_steps as link
          where link.template_id = step.template_id
            and link.step_no = tasker._step_no(wait.step_id) limit 1) as link
   cross join lateral (
         select tasker._step_uuid(task.task_uuid, wait.step_id)
           from tasker.tasks as task
          where task.task_id = tasker._task_of(wait.step_id) limit 1) as own (uuid)
    left join tasker.alarms as again on again.step_id = wait.step_id and again.kind = 'check'
   cross join lateral (
         select 'waits_for_time',
                format('waits until %s', to_char(wait.until, 'YYYY-MM-DD HH24:MI')),
                format(', for %s more', tasker._ago(wait.until - p_now)),
                format('select * from tasker.complete_step_manually(%L, null, ''<why>'')', own.uuid)
          where wait.kind = 'time'
         union all
         select 'waits_for_signal',
                format('waits for the signal %s (%s of %s) since %s',
                       array_to_string(wait.names, ' or '),
                       (select count(*) from tasker.signals as signal
                         where signal.task_id = tasker._task_of(wait.step_id)
                           and signal.taken_by = wait.step_id
                           and signal.spent is null),
                       wait.wanted, to_char(wait.opened_at, 'HH24:MI')),
                coalesce(format(', for %s more, then %s', tasker._ago(wait.until - p_now),
                                v_then ->> (link.wait ->> 'on_timeout')), '')
                || '; somebody answers it with: '
                || format('select * from tasker.answer_wait(%L, ''<value>'')', own.uuid),
                format('select * from tasker.answer_wait(%L, ''<value>'')', own.uuid)
          where wait.kind = 'signal'
         union all
         select 'sleeps', 'sleeps', format(', for %s more; then its handler is called again',
                                           tasker._ago(wait.until - p_now)),
                format('select * from tasker.retry_step(%L, ''<why>'')', own.uuid)
          where wait.kind = 'sleep'
         union all
         select 'waits_for_condition',
                format('waits until %s says true since %s', substr(link.handler, 5),
                       to_char(wait.opened_at, 'HH24:MI'))
                || coalesce(format(', and asks again in %s', tasker._ago(again.due_at - p_now)),
                            ''),
                coalesce(format(', for %s more, then %s', tasker._ago(wait.until - p_now),
                                v_then ->> (link.wait ->> 'on_timeout')), ''),
                case when again.due_at is not null
                     then format('select * from tasker.retry_step(%L, ''<why>'')', own.uuid) end
          where wait.kind = 'condition'
         ) as said (code, reason, after, cure)
   where wait.step_id = any (p_step_ids)
     and (wait.until > p_now or wait.until is null)
  union all
  select alarm.step_id, 40, 'due', true,
         format('due since %s; the next sweep or an idle worker sees to it',
                tasker._ago(p_now - alarm.due_at)),
         alarm.due_at, null, null, 'select * from tasker.sweep()'
    from tasker.alarms as alarm
   where alarm.step_id = any (p_step_ids)
     and alarm.due_at <= p_now;
end;
$$;

comment on function tasker._wait_reasons is 'What the waiting ones of these steps wait for, since when, and what happens when nothing does.';
