create or replace function tasker._complete (
  p_token    uuid,
  p_step_ids bigint[],
  p_results  jsonb,
  p_now      timestamptz
)
  returns integer[]
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Marks steps that the token holds as complete, with their results ({"<step_id>": result}). A
-- result that is not in p_results stands in its row already (two-hop).
--
-- Returns  the steps' templates, in the order of their ids
-- Raises   TK001 when the token does not hold one of them
-- Locks    the steps in id order
-- Calls    _stale
declare
  v_done      bigint[];
  v_templates integer[];
begin
  with done as (
    update tasker.steps as step
       set state       = 'complete',
           finished_at = p_now,
           result      = case when p_results ? step.step_id::text
                              then nullif(p_results -> step.step_id::text, 'null')
                              else step.result end
     where step.step_id = any (p_step_ids)
       and step.claim_token = p_token
       and step.state = 'in_progress'
    returning step.step_id, step.template_id
  )
  select coalesce(array_agg(done.step_id order by done.step_id), '{}'),
         coalesce(array_agg(done.template_id order by done.step_id), '{}')
    into v_done, v_templates
    from done;
  if cardinality(v_done) <> cardinality(p_step_ids) then
    perform tasker._stale(
      p_token,
      array(select id from unnest(p_step_ids) as id where id <> all (v_done)));
  end if;
  return v_templates;
end;
$$;

comment on function tasker._complete is 'Marks steps that the token holds as complete, with their results. Returns their templates. Raises TK001.';
