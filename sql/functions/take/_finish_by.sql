create or replace function tasker._finish_by (p_step_id bigint)
  returns timestamptz
  language sql
  stable
begin atomic
-- By when a step with finish_within must have ended.
select alarm.due_at
  from tasker.alarms as alarm
 where alarm.step_id = p_step_id and alarm.kind = 'finish_within';
end;

comment on function tasker._finish_by is 'By when a step with finish_within must have ended.';
