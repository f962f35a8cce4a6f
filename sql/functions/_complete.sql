create or replace function tasker._complete (
  p_token     uuid,
  p_step_ids  bigint[],
  p_results   jsonb,
  p_now       timestamptz,
  out ids     bigint[],
  out changes tasker.transition[]
)
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Completes steps that the token holds, with their results ({"<step_id>": result}), and all that follows.
-- A result that is not in p_results stands in its row already (two-hop).
--
-- Returns  the changes to record
-- Raises   TK001 when the token does not hold one of them
-- Locks    the steps, their children, their tasks, each in id order
-- Calls    _stale, _advance
declare
  v_done      bigint[];
  v_templates integer[];
  v_log       record;
begin
  with done as (
    update tasker.steps as step
       set state       = 'complete',
           finished_at = p_now,
           result      = case when p_results ? step.step_id::text
                              then nullif(p_results -> step.step_id::text, 'null') else step.result end
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress'
    returning step.step_id, step.template_id
  )
  select array_agg(done.step_id order by done.step_id), array_agg(done.template_id order by done.step_id)
    into v_done, v_templates
    from done;
  if coalesce(cardinality(v_done), 0) <> cardinality(p_step_ids) then
    perform tasker._stale(p_token, p_step_ids);
  end if;

  v_log   := tasker._advance(v_done, v_templates, p_now);
  ids     := v_done || v_log.ids;
  changes := array_fill('step in_progress -> complete'::tasker.transition, array[cardinality(v_done)]) || v_log.changes;
end;
$$;

comment on function tasker._complete is 'Completes steps that the token holds, and all that follows from it. Raises TK001.';
