create or replace function tasker.drop_namespace (p_name text)
  returns table (name text, dropped_queues text[])
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Drops a namespace that no template uses, and its queues.
--
-- Returns  one row
-- Raises   TK002 unknown namespace, TK003 while a template uses it, 55P03 while a worker's open
--          transaction uses its queues
-- Locks    the namespace, and its queues, all or none of them
-- Calls    _queues_of, _namespace_id, _lock_queues, _drop_queue
#variable_conflict use_column
declare
  v_namespace_id integer;
  v_queues       constant text[] := tasker._queues_of(p_name);
  v_queue        text;
begin
  perform from tasker.namespaces as namespace
   where namespace.name = p_name
     for update;
  v_namespace_id := tasker._namespace_id(p_name);
  if exists (select from tasker.task_templates as template
              where template.namespace_id = v_namespace_id)
     or exists (select from tasker.template_steps as link
                 where link.namespace_id = v_namespace_id) then
    raise exception 'namespace is in use'
      using errcode = 'TK003', detail = format('templates or steps belong to %s', p_name);
  end if;
  perform tasker._lock_queues(v_queues);
  begin
    delete from tasker.namespaces as namespace where namespace.namespace_id = v_namespace_id;
  exception when foreign_key_violation then  -- by a template that an older snapshot does not see
    raise exception 'namespace is in use'
      using errcode = 'TK003', detail = format('templates belong to %s', p_name);
  end;
  foreach v_queue in array v_queues loop
    perform tasker._drop_queue(v_queue);
  end loop;
  return query select p_name, v_queues;
end;
$$;

comment on function tasker.drop_namespace is
'Drops a namespace that no template or step uses, with its queues. Raises TK002 (unknown), TK003 (in use), 55P03 (a transaction that used its queues stays open for ten seconds).';
