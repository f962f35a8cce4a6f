create or replace function tasker._make_task (
  p_schedule tasker.schedules,
  p_tick     timestamptz,
  p_now      timestamptz
)
  returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Makes the task of a tick, once: its idempotency key is the schedule's name and the tick.
--
-- Returns  its id, which may be that of a task that was there before
-- Raises   TK002 no such template, 22023, TK006 what the template makes of the context
-- Locks    the key, while another transaction is just using it
-- Calls    _template, _schedule_context, _check_contexts, _idempotency_hashes, _take_keys, _plant,
--          _utc
declare
  v_plan      constant jsonb := p_schedule.definition;
  v_namespace constant text := (select namespace.name from tasker.namespaces as namespace
                                 where namespace.namespace_id = p_schedule.namespace_id);
  v_template  constant tasker.task_templates :=
    tasker._template(v_namespace, v_plan ->> 'template', v_plan ->> 'version');
  v_contexts  constant jsonb[] :=
    array[tasker._schedule_context(p_schedule.name, v_plan, p_tick)];
  v_keys      constant text[] :=
    array[format('schedule:%s/%s:%s', v_namespace, p_schedule.name, tasker._utc(p_tick))];
  v_hashes    constant uuid[] :=
    tasker._idempotency_hashes(v_namespace, v_template.name, v_keys);
  v_ids       bigint[];
begin
  perform tasker._check_contexts(v_contexts, v_template.input_schema);
  v_ids := tasker._take_keys(v_hashes, v_keys, array[nextval('tasker.task_ids')]);
  if v_ids[1] is null then
    return (select key.task_id from tasker.idempotency_keys as key
             where key.idempotency_hash = v_hashes[1]);
  end if;
  perform tasker._plant(
    v_template, v_ids, v_contexts,
    jsonb_build_object('initiator', 'schedule ' || v_namespace || '/' || p_schedule.name)
      || jsonb_strip_nulls(coalesce(v_plan -> 'options', '{}')),
    p_now);
  return v_ids[1];
end;
$$;

comment on function tasker._make_task is 'Makes the task of a tick, once. Returns its id.';
