create or replace function tasker._footnotes (p_step_id bigint, p_now timestamptz)
  returns text
  language sql
  stable
begin atomic
-- How far a step has got, and by when it must start or end, to stand at the end of a reason.
--
-- Returns  nothing for a step without a checkpoint, start_within and finish_within
-- Calls    _ago
select coalesce((select format('; checkpoint %s, %s ago', saved.number,
                               tasker._ago(p_now - saved.saved_at))
                   from tasker.checkpoints as saved
                  where saved.step_id = p_step_id), '')
       || coalesce((select string_agg(
                             format(case alarm.kind when 'start_within' then '; it must start in %s'
                                                    else '; it must end in %s' end,
                                    tasker._ago(alarm.due_at - p_now)), '' order by alarm.kind desc)
                      from tasker.alarms as alarm
                      join tasker.steps as step on step.step_id = alarm.step_id
                     where alarm.step_id = p_step_id
                       and (alarm.kind = 'finish_within'
                            or alarm.kind = 'start_within' and step.state = 'enqueued')), '');
end;

comment on function tasker._footnotes is 'How far a step has got, and by when it must start or end, to stand at the end of a reason.';
