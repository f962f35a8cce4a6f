create or replace function tasker._depths (
  p_order integer[], p_parents integer[], p_children integer[]
)
  returns integer[]
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- The longest path to each step from one without parents. Edges name places in the definition, and
-- are sorted by parent; p_order are these places in topological order.
--
-- Returns  the depths, in the order of p_order
declare
  v_depths integer[] := array_fill(0, array[cardinality(p_order)]);
  v_first  integer[] := array_fill(0, array[cardinality(p_order)]);
  v_edge   integer;
begin
  for i in reverse coalesce(cardinality(p_parents), 0) .. 1 loop
    v_first[p_parents[i]] := i;
  end loop;
  for i in 1 .. cardinality(p_order) loop
    v_edge := v_first[p_order[i]];
    while v_edge > 0 and p_parents[v_edge] = p_order[i] loop
      v_depths[p_children[v_edge]] := greatest(v_depths[p_children[v_edge]],
                                               v_depths[p_order[i]] + 1);
      v_edge := v_edge + 1;
    end loop;
  end loop;
  return array(select v_depths[position]
                 from unnest(p_order) with ordinality as step (position, step_no)
                order by step_no);
end;
$$;

comment on function tasker._depths is 'The longest path to each step from one without parents.';
