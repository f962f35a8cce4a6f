create or replace function tasker._neighbours (
  p_steps    jsonb,
  p_order    integer[],
  p_parents  integer[],
  p_children integer[]
)
  returns table (
    step_no integer, step jsonb, parents integer[], names text[],
    children integer[], joins integer[], special integer[], entering integer[]
  )
  language sql
  stable
  set search_path = pg_catalog, pg_temp
as $$
-- The steps of a template in the order of their numbers, with their parents and children. A step's
-- number is its place in p_order; edges name positions in the definition. A step without children
-- has the child 0, its task.
--
-- Returns  of the parents also their names; of the children those with more than one parent, those
--          that leave the street (more than 16 parents, or they enter by the gate), and those that
--          enter; nulls for none
-- Calls    _enters
with step as materialized (
  select place.step_no::integer as step_no, source.step, source.position,
         tasker._enters(source.step) as enters
    from jsonb_array_elements(p_steps) with ordinality as source (step, position)
    join unnest(p_order) with ordinality as place (position, step_no)
      on place.position = source.position
),
edge as materialized (
  select parent.step_no as parent_no, parent.step ->> 'name' as parent_name,
         child.step_no as child_no, child.enters
    from unnest(p_parents, p_children) as edge (parent_position, child_position)
    join step as parent on parent.position = edge.parent_position
    join step as child on child.position = edge.child_position
  union all
  select step.step_no, null, 0, false
    from step
   where not exists (select from unnest(p_parents) as parent_position
                      where parent_position = step.position)
),
width as materialized (
  select edge.child_no, count(*) as parents from edge group by edge.child_no
),
down as materialized (
  select edge.parent_no as step_no,
         array_agg(edge.child_no order by edge.child_no) as children,
         array_agg(edge.child_no order by edge.child_no)
           filter (where width.parents > 1) as joins,
         array_agg(edge.child_no order by edge.child_no)
           filter (where width.parents > 16 or edge.enters) as special,
         array_agg(edge.child_no order by edge.child_no) filter (where edge.enters) as entering
    from edge join width on width.child_no = edge.child_no
   group by edge.parent_no
),
up as materialized (
  select edge.child_no as step_no,
         array_agg(edge.parent_no order by edge.parent_no) as parents,
         array_agg(edge.parent_name order by edge.parent_no) as names
    from edge
   where edge.child_no <> 0
   group by edge.child_no
)
select step.step_no, step.step, up.parents, up.names,
       down.children, down.joins, down.special, down.entering
  from step
  join down on down.step_no = step.step_no
  left join up on up.step_no = step.step_no;
$$;

comment on function tasker._neighbours is 'The steps of a template in the order of their numbers, with their parents and children.';
