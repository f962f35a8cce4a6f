create or replace function tasker.open_waits (
  p_namespace text   default null,
  p_filter    jsonb  default '{}',
  p_limit     bigint default 100
)
  returns table (
    step_uuid uuid, task_uuid uuid, namespace text, template text, name text, kind text,
    signals text[], prompt text, schema jsonb, wanted integer, received integer,
    opened_at timestamptz, until timestamptz, on_timeout text, context jsonb
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
  set jit = off
as $$
-- What steps wait for now, by the age of their tasks.
--
-- Returns  up to p_limit waits
-- Raises   22023 for an unknown key or a bad value or limit, TK002 for an unknown namespace
-- Calls    _check_count, _check_keys, _check_text, _check_moment, _namespace_id, _prompt
#variable_conflict use_column
declare
  v_filter constant jsonb := coalesce(p_filter, '{}');
  v_home   constant integer := case when p_namespace is not null
                                    then tasker._namespace_id(p_namespace) end;
  v_due    timestamptz;
  v_tags   text[];
begin
  p_limit := coalesce(p_limit, 100);
  perform tasker._check_count(p_limit, 1, 'rows_per_call');
  perform tasker._check_keys(v_filter, 'the filter',
                             '{template,name,signal,task_uuid,due_before,tags}', '{}');
  perform tasker._check_text(v_filter -> key, key, '^.{1,200}$')
     from unnest('{template,name,signal}'::text[]) as key;
  perform tasker._check_text(
    v_filter -> 'task_uuid', 'task_uuid',
    '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$', 'the uuid of a task');
  v_due := tasker._check_moment(v_filter -> 'due_before', 'due_before');
  if v_filter ? 'tags' then
    if jsonb_typeof(v_filter -> 'tags') <> 'array' then
      raise exception 'bad tags'
        using errcode = '22023', detail = 'tags are an array of strings';
    end if;
    v_tags := array(select jsonb_array_elements_text(v_filter -> 'tags'));
  end if;
  return query
  select tasker._step_uuid(task.task_uuid, wait.step_id), task.task_uuid, namespace.name,
         template.name, link.name, wait.kind, wait.names,
         tasker._prompt(link.features #>> '{wait,prompt}', task.context),
         link.features #> '{wait,schema}', wait.wanted,
         case when wait.kind = 'signal' then (
           select count(*) from tasker.signals as signal
            where signal.task_id = task.task_id
              and signal.taken_by = wait.step_id
              and signal.spent is null)::integer end,
         wait.opened_at, wait.until, link.features #>> '{wait,on_timeout}', task.context
    from tasker.waits as wait
    join tasker.steps as step on step.step_id = wait.step_id
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(wait.step_id)
    join tasker.tasks as task on task.task_id = tasker._task_of(wait.step_id)
    join tasker.task_templates as template on template.template_id = step.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
   where (v_home is null or template.namespace_id = v_home)
     and (not v_filter ? 'template' or template.name = v_filter ->> 'template')
     and (not v_filter ? 'name' or link.name = v_filter ->> 'name')
     and (not v_filter ? 'signal' or v_filter ->> 'signal' = any (wait.names))
     and (not v_filter ? 'task_uuid' or task.task_uuid = (v_filter ->> 'task_uuid')::uuid)
     and (v_due is null or wait.until < v_due)
     and (v_tags is null or v_tags <@ coalesce(task.tags, '{}'))
   order by wait.step_id
   limit p_limit;
end;
$$;

comment on function tasker.open_waits is
'What steps wait for now, by the age of their tasks: kind is signal, time, condition or sleep (slot and child are to come); for signals their names, the prompt with values of the context, the schema of a value, how many are wanted and received; until when, and on_timeout. Filter: template, name (of the step), signal, task_uuid, due_before (a time with its zone), tags. Answer one with answer_wait. Raises 22023 (unknown key, bad value or limit), TK002 (unknown namespace).';
