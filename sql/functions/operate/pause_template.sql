create or replace function tasker.pause_template (p_namespace text, p_name text, p_reason text)
  returns table (paused boolean, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Stops handing out steps of a template's tasks, all its versions. New tasks are accepted and wait.
--
-- Returns  one row; changed is false when it was paused already
-- Raises   TK002, 22023 without a reason
-- Locks    the template's versions
#variable_conflict use_column
declare
  v_namespace_id constant integer := (tasker._template(p_namespace, p_name, null)).namespace_id;
  v_now     constant timestamptz := tasker._now();
  v_changed boolean;
begin
  perform tasker._check_reason(p_reason);
  update tasker.task_templates
     set paused_at    = v_now,
         paused_by    = session_user,
         pause_reason = p_reason
   where namespace_id = v_namespace_id and name = p_name
     and paused_at is null;
  v_changed := found;
  if v_changed then
    perform tasker._operator('pause_template', p_namespace || '/' || p_name, p_reason, v_now);
  end if;
  return query select true, v_changed;
end;
$$;

comment on function tasker.pause_template is
'Stops handing out steps of all tasks of a template (all versions); running ones go on, new tasks are accepted and wait. The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
