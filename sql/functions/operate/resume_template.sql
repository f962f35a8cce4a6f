create or replace function tasker.resume_template (p_namespace text, p_name text, p_reason text)
  returns table (paused boolean, changed boolean)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Hands out steps of a template's tasks again; the sweep sends their messages again within seconds.
--
-- Returns  one row; changed is false when it was running already
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
     set paused_at    = null,
         paused_by    = null,
         pause_reason = null
   where namespace_id = v_namespace_id and name = p_name
     and paused_at is not null;
  v_changed := found;
  if v_changed then
    perform tasker._operator('resume_template', p_namespace || '/' || p_name, p_reason, v_now);
  end if;
  return query select false, v_changed;
end;
$$;

comment on function tasker.resume_template is
'Hands out steps of a paused template''s tasks again; the sweep sends their messages again within seconds. The reason is recorded. Safe to repeat. Raises TK002, 22023 (no reason).';
