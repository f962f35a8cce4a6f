create or replace function tasker._compile_template (
  p_template_id integer,
  p_namespace   text,
  p_steps       jsonb
)
  returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
-- Turns the steps of a checked definition into rows: numbered in topological order, with parents,
-- children, the joins that more than 16 steps lead to, and what decides whether they run.
--
-- Raises   22023 for a duplicate step, an unknown or doubled dependency; TK007 for a cycle
-- Calls    _topological_order, _cycle, _insert_steps
declare
  v_names    text[] := array(
    select step ->> 'name'
      from jsonb_array_elements(p_steps) with ordinality as s (step, position)
     order by position);
  v_wrong    text;
  v_parents  integer[];
  v_children integer[];
  v_order    integer[];
begin
  select name into v_wrong
    from unnest(v_names) as name
   group by name
  having count(*) > 1
   order by name
   limit 1;
  if found then
    raise exception 'duplicate step'
      using errcode = '22023',
            detail = format('step %s is defined twice', v_wrong);
  end if;
  with dependency as materialized (
    select child.position, parent
      from jsonb_array_elements(p_steps) with ordinality as child (step, position)
     cross join jsonb_array_elements_text(coalesce(child.step -> 'dependencies', '[]')) as parent
  )
  select case when count(known.name) > 1
              then format('step %s names %s twice',
                          v_names[dependency.position], dependency.parent)
              else format('step %s depends on %s, which does not exist',
                          v_names[dependency.position],
                          left(quote_literal(dependency.parent), 100)) end
    into v_wrong
    from dependency
    left join unnest(v_names) as known (name) on known.name = dependency.parent
   group by dependency.position, dependency.parent
  having count(known.name) <> 1
   order by dependency.position
   limit 1;
  if found then
    raise exception 'bad dependency' using errcode = '22023', detail = v_wrong;
  end if;

  with step as materialized (
    select name, position
      from unnest(v_names) with ordinality as step (name, position)
  )
  select array_agg(parent.position order by parent.position, child.position),
         array_agg(child.position order by parent.position, child.position)
    into v_parents, v_children
    from jsonb_array_elements(p_steps) with ordinality as child (step, position)
   cross join jsonb_array_elements_text(coalesce(child.step -> 'dependencies', '[]')) as dependency
    join step as parent on parent.name = dependency;
  v_order := tasker._topological_order(cardinality(v_names), v_parents, v_children);
  if cardinality(v_order) < cardinality(v_names) then
    raise exception 'the steps form a cycle'
      using errcode = 'TK007', detail = tasker._cycle(v_names, v_order, v_parents, v_children);
  end if;

  perform tasker._insert_steps(p_template_id, p_namespace, p_steps, v_order, v_parents, v_children);
  insert into tasker.template_waits (template_id, name, step_no)
  select p_template_id, own.name, link.step_no
    from tasker.template_steps as link
   cross join lateral jsonb_array_elements_text(link.features #> '{wait,names}') as own (name)
   where link.template_id = p_template_id;
end;
$$;

comment on function tasker._compile_template is 'Turns a definition''s steps into template_steps. Raises 22023 (bad dependency), TK007 (cycle).';
