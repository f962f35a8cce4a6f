create or replace function tasker._check_repair (p_verb text, p_filter jsonb, p_result jsonb)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Checks what an operator plans: a verb, a filter that fits it, a result where the verb takes one.
--
-- Raises   22023, TK006 for a result over result_bytes
-- Calls    _check_text, _check_keys, _check_json
declare
  v_verbs constant text[] := array[
    'retry_step', 'requeue_step', 'resolve_step', 'complete_step_manually',
    'cancel_task', 'resolve_task', 'pause_task', 'resume_task',
    'pause_template', 'resume_template', 'pause_namespace', 'resume_namespace'];
begin
  if (p_verb = any (v_verbs)) is not true then
    raise exception 'unknown verb'
      using errcode = '22023',
            detail  = format('%s; known are %s', coalesce(quote_literal(left(p_verb, 100)), 'null'),
                             array_to_string(v_verbs, ', '));
  end if;
  perform tasker._check_keys(
    p_filter, 'the filter',
    case when p_verb = 'requeue_step'  then '{namespace,template,step,worker,state}'
         when p_verb like '%template'  then '{namespace,template}'
         when p_verb like '%namespace' then '{namespace}'
         else '{namespace,template,step,fingerprint,state}' end::text[], '{}');
  perform tasker._check_text(value, key, '^.{1,200}$')
     from jsonb_each(p_filter) as each (key, value);
  perform tasker._check_text(
    p_filter -> 'state', 'state',
    case when p_verb = 'requeue_step' then '^(in_progress|enqueued)$'
         when p_verb like '%\_step%'  then '^(error|waiting_for_retry)$'
         else '^(pending|in_progress|blocked_by_failures|error)$' end);
  if p_filter ? 'fingerprint' and p_filter ->> 'state' = 'waiting_for_retry' then
    raise exception 'bad filter'
      using errcode = '22023',
            detail  = 'only steps in error have a fingerprint, not those in waiting_for_retry';
  elsif p_filter ? 'worker' and p_filter ->> 'state' = 'enqueued' then
    raise exception 'bad filter'
      using errcode = '22023',
            detail  = 'only steps in progress have a worker, not those that are enqueued';
  elsif p_result is not null and p_verb <> 'complete_step_manually' then
    raise exception 'bad result'
      using errcode = '22023',
            detail  = format('%s takes no result, only complete_step_manually does', p_verb);
  end if;
  perform tasker._check_json(p_result, 'the result', 'result_bytes');
end;
$$;

comment on function tasker._check_repair is 'Checks what an operator plans to do to many. Raises 22023, TK006.';
