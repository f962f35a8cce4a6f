create or replace function tasker.plan_repair (
  p_verb   text,
  p_filter jsonb   default '{}',
  p_sample integer default 5
)
  returns table (
    plan_uuid uuid, matched integer, subject_uuid uuid, subject text, state text, error text
  )
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Says what a verb would do to all that match a filter, and does nothing of it.
--
-- Returns  the plan with a sample of what matches, the youngest first; no rows: nothing matches
-- Raises   22023 for an unknown verb, a bad filter or sample; TK002 unknown namespace; TK006 when
--          more match than sweep_rows
-- Calls    _check_text, _check_keys, _check_count, _check_amount, _repairable, _error_text,
--          _step_uuid
#variable_conflict use_column
declare
  v_plan constant uuid := gen_random_uuid();
  v_now  constant timestamptz := tasker._now();
  v_step constant text := case when p_verb in ('retry_step', 'resolve_step')
                                 then '^(error|waiting_for_retry)$'
                               else '^(pending|in_progress|blocked_by_failures|error)$' end;
  v_ids  bigint[];
begin
  perform tasker._check_text(
    to_jsonb(coalesce(p_verb, '')), 'the verb',
    '^(retry_step|resolve_step|cancel_task|resolve_task|pause_task|resume_task)$');
  perform tasker._check_keys(p_filter, 'the filter', '{namespace,template,step,fingerprint,state}',
                             '{}');
  perform tasker._check_text(p_filter -> key, key, '^.{1,200}$')
     from unnest('{namespace,template,step,fingerprint}'::text[]) as key;
  perform tasker._check_text(p_filter -> 'state', 'state', v_step);
  perform tasker._check_count(p_sample, 1, 'rows_per_call');
  if p_filter ? 'fingerprint' and p_filter ->> 'state' = 'waiting_for_retry' then
    raise exception 'bad filter'
      using errcode = '22023',
            detail  = 'only steps in error have a fingerprint, not those in waiting_for_retry';
  end if;
  v_ids := tasker._repairable(p_verb, p_filter);
  perform tasker._check_amount(cardinality(v_ids), 'what matches', 'sweep_rows');

  delete from tasker.repair_plans as plan
   where plan.plan_uuid = any (array(select old.plan_uuid
                                       from tasker.repair_plans as old
                                      where old.planned_at < v_now - interval '1 day'
                                        for update skip locked));
  if v_ids = '{}' then
    return;
  end if;
  insert into tasker.repair_plans (plan_uuid, verb, filter, ids, planned_at)
  values (v_plan, p_verb, p_filter, v_ids, v_now);
  return query
  select v_plan, cardinality(v_ids),
         case when link.name is null then task.task_uuid
              else tasker._step_uuid(task.task_uuid, chosen.id) end,
         concat_ws('/', namespace.name, template.name, link.name),
         coalesce(step.state::text, task.state::text),
         nullif(tasker._error_text(failure.error), '')
    from (select id from unnest(v_ids) as id order by id desc limit p_sample) as chosen
    join tasker.tasks as task on task.task_id = chosen.id >> 20
    join tasker.task_templates as template on template.template_id = task.template_id
    join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
    left join tasker.steps as step on step.step_id = chosen.id
    left join tasker.template_steps as link on link.template_id = task.template_id
                                           and link.step_no = chosen.id & 1048575
    left join lateral (select failure.error from tasker.step_failures as failure
                        where failure.step_id = chosen.id
                        order by failure.failure_id desc limit 1) as failure on true
   order by chosen.id desc;
end;
$$;

comment on function tasker.plan_repair is
'Plans one of the verbs retry_step, resolve_step, cancel_task, resolve_task, pause_task, resume_task for all that match p_filter (namespace, template, step, fingerprint, state), and does nothing yet: returns the plan with how many match, and up to p_sample of them. Steps are those in dead_letters, or with state waiting_for_retry such; tasks are those of such steps where the filter names a step, a fingerprint or the state error, else open ones. No rows: nothing matches. Give plan_uuid to apply_repair within a day. Raises 22023 (unknown verb, bad filter), TK002 (unknown namespace), TK006 (more than sweep_rows match).';
