create or replace function tasker.plan_repair (
  p_verb   text,
  p_filter jsonb   default '{}',
  p_sample bigint  default 5,
  p_result jsonb   default null
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
-- Raises   22023 for an unknown verb, a bad filter, sample or result; TK002 unknown namespace;
--          TK006 when more match than sweep_rows, or for a result over result_bytes
-- Calls    _check_repair, _check_count, _check_amount, _repairable, _repair_subjects
#variable_conflict use_column
declare
  v_plan constant uuid := gen_random_uuid();
  v_now  constant timestamptz := tasker._now();
  v_ids  bigint[];
begin
  p_filter := coalesce(p_filter, '{}');
  p_sample := coalesce(p_sample, 5);
  perform tasker._check_repair(p_verb, p_filter, p_result);
  perform tasker._check_count(p_sample, 1, 'rows_per_call');
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
  insert into tasker.repair_plans (plan_uuid, verb, filter, result, ids, planned_at)
  values (v_plan, p_verb, p_filter, p_result, v_ids, v_now);
  return query
  select v_plan, cardinality(v_ids), subject.subject_uuid, subject.subject, subject.state,
         subject.error
    from tasker._repair_subjects(
           p_verb, array(select id from unnest(v_ids) as id order by id desc limit p_sample)
         ) as subject
   order by subject.id desc;
end;
$$;

comment on function tasker.plan_repair is
'Plans a verb for all that match p_filter, and does nothing yet: returns the plan with how many match, and up to p_sample of them. retry_step, resolve_step and complete_step_manually (with p_result for all of them) are for the steps in dead_letters, or with state waiting_for_retry such; cancel_task, resolve_task, pause_task and resume_task for the tasks of such steps where the filter names a step, a fingerprint or the state error, else for open ones (filter: namespace, template, step, fingerprint, state). requeue_step is for steps that a worker holds, or with state enqueued such (filter: namespace, template, step, worker, state). pause_template, resume_template, pause_namespace and resume_namespace are for those that are not paused, or are (filter: namespace, template); they have no subject_uuid. No rows: nothing matches. Give plan_uuid to apply_repair within a day. Raises 22023 (unknown verb, bad filter, a result that the verb does not take), TK002 (unknown namespace), TK006 (more than sweep_rows match, or the result is over result_bytes).';
