create or replace function tasker._enter_namespace (p_namespace text)
  returns tasker.place
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Looks a namespace up, once a call, and with it all that decides which way the call goes.
--
-- Raises   22023 when the name is null, TK002 when there is no such namespace
-- Calls    _namespace_id
declare
  v_place tasker.place;
begin
  select namespace.namespace_id,
         namespace.name,
         namespace.paused_at is not null,
         exists (select from tasker.tasks as task where task.paused_at is not null)
         or exists (select from tasker.task_templates as template
                     where template.paused_at is not null),
         exists (select from tasker.parked_steps as parked
                  where parked.namespace_id = namespace.namespace_id),
         exists (select from tasker.waiters)
    into v_place
    from tasker.namespaces as namespace
   where namespace.name = p_namespace;
  if v_place.namespace_id is null then
    v_place.namespace_id := tasker._namespace_id(p_namespace);
  end if;
  return v_place;
end;
$$;

comment on function tasker._enter_namespace is 'Looks a namespace up, once a call: its id, what is paused, who waits. Raises TK002.';
