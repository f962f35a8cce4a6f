create or replace function tasker.list_tasks (
  p_filter jsonb   default '{}',
  p_limit  bigint  default 50,
  p_before uuid    default null
)
  returns table (
    task_uuid uuid, namespace text, name text, version text, state text, paused boolean,
    priority text, tags text[], initiator text, source_system text, created_at timestamptz,
    run_at timestamptz, started_at timestamptz, finished_at timestamptz, next_before uuid
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- A page of tasks, newest first. A call looks at no more than 50000 tasks, however rare
-- those that fit.
--
-- Returns  up to p_limit tasks; next_before is the p_before of the next page, null on the last one.
--          When none of 50000 fits, one row with nothing but next_before.
-- Raises   22023 for an unknown key or a bad value or limit, TK002 for an unknown
--          namespace
-- Calls    _check_count, _check_keys, _check_text, _template_ids, _idempotency_hashes, _find_tasks,
--          _priority_name
#variable_conflict use_column
declare
  v_filter    constant jsonb := coalesce(p_filter, '{}');
  v_templates integer[];
  v_hashes    uuid[];
  v_found     record;
begin
  p_limit := coalesce(p_limit, 50);
  perform tasker._check_count(p_limit, 1, 'rows_per_call');
  perform tasker._check_keys(v_filter, 'the filter',
    '{namespace,name,version,state,tag,initiator,since,until,idempotency_key}', '{}');
  perform tasker._check_text(v_filter -> key, key, '^.{1,200}$')
     from unnest('{namespace,name,version,tag,initiator,idempotency_key}'::text[]) as key;
  perform tasker._check_text(
    v_filter -> 'state', 'state',
    '^(' || array_to_string(enum_range(null::tasker.task_state), '|') || ')$');
  v_templates := tasker._template_ids(v_filter ->> 'namespace',
                                      v_filter ->> 'name',
                                      v_filter ->> 'version');
  v_hashes    := array(
    select distinct (tasker._idempotency_hashes(namespace.name, template.name,
                                                array[v_filter ->> 'idempotency_key']))[1]
      from tasker.task_templates as template
      join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
     where template.template_id = any (v_templates));
  v_found := tasker._find_tasks(
    v_filter,
    case when v_filter ?| '{namespace,name,version}' then v_templates end,
    case when v_filter ? 'idempotency_key' then v_hashes end,
    p_limit::integer, p_before);
  return query
  select task.task_uuid,
         namespace.name,
         template.name,
         template.version,
         task.state::text,
         task.paused_at is not null
           or template.paused_at is not null
           or namespace.paused_at is not null,
         tasker._priority_name(task.priority),
         coalesce(task.tags, '{}'),
         task.initiator,
         task.source_system,
         task.created_at,
         task.run_at,
         task.started_at,
         task.finished_at,
         v_found.last_seen
    from unnest(v_found.task_ids) with ordinality as found (task_id, position)
    join tasker.tasks as task on task.task_id = found.task_id
    join tasker.task_templates as template on template.template_id = task.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
   order by found.position;
  if v_found.task_ids = '{}' and v_found.last_seen is not null then
    next_before := v_found.last_seen;
    return next;
  end if;
end;
$$;

comment on function tasker.list_tasks is
'A page of up to p_limit tasks, newest first. p_filter may name namespace, name, version, state, tag, initiator, since and until (created at; ISO 8601 with zone), idempotency_key. next_before is the p_before of the next page, null on the last one. A call looks at no more than 50000 tasks: a page may be short though next_before is not null, and when none of them fits it is one row with nothing but next_before. Raises 22023 (unknown key, bad value or limit), TK002 (unknown namespace).';
