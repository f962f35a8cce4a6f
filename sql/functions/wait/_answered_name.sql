create or replace function tasker._answered_name (p_step_id bigint, p_name text)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The name of the signal with which a step is answered: p_name, or the first that it waits for.
--
-- Returns  null when it never waits for any
-- Raises   22023 when it does not wait for p_name
-- Calls    _nearest
declare
  v_names text[];
begin
  select array(select jsonb_array_elements_text(link.features #> '{wait,names}')) into v_names
    from tasker.steps as step
    join tasker.template_steps as link on link.template_id = step.template_id
                                      and link.step_no = tasker._step_no(step.step_id)
   where step.step_id = p_step_id;
  if p_name <> all (v_names) and v_names <> '{}' then
    raise exception 'the step does not wait for this signal'
      using errcode = '22023',
            detail  = format('%s; it waits for %s', quote_literal(p_name),
                             array_to_string(v_names, ', ')),
            hint    = coalesce('Did you mean ' || tasker._nearest(p_name, v_names) || '?', '');
  end if;
  return coalesce(p_name, v_names[1]);
end;
$$;

comment on function tasker._answered_name is 'The name of the signal with which a step is answered. Raises 22023.';
