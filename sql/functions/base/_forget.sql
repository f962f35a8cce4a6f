create or replace function tasker._forget (p_step_ids bigint[])
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Deletes what steps that end leave behind: their alarms, and what they waited for. Every end of a
-- step that may have any comes here (template_steps.features says alarms).
begin
  delete from tasker.alarms as alarm where alarm.step_id = any (p_step_ids);
  delete from tasker.waits as wait where wait.step_id = any (p_step_ids);
end;
$$;

comment on function tasker._forget is 'Deletes the alarms and waits of steps that end.';
