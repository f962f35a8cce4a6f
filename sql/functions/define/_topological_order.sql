create or replace function tasker._topological_order (
  p_steps    integer,
  p_parents  integer[],
  p_children integer[]
)
  returns integer[]
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Orders the steps 1 .. p_steps so that every parent comes before its children (Kahn's algorithm,
-- in time proportional to steps and edges). Edge i leads from p_parents[i] to p_children[i]; edges
-- are sorted by parent.
--
-- Returns  the steps in order; fewer than p_steps when the rest is on, or behind, a cycle
declare
  v_waiting integer[] := array_fill(0, array[p_steps]);
  v_first   integer[] := array_fill(0, array[p_steps]);
  v_order   integer[] := array_fill(0, array[p_steps]);
  v_ready   integer := 0;
  v_done    integer := 0;
  v_edge    integer;
  v_child   integer;
begin
  for i in reverse coalesce(cardinality(p_parents), 0) .. 1 loop
    v_waiting[p_children[i]] := v_waiting[p_children[i]] + 1;
    v_first[p_parents[i]]    := i;
  end loop;
  for i in 1 .. p_steps loop
    if v_waiting[i] = 0 then
      v_ready          := v_ready + 1;
      v_order[v_ready] := i;
    end if;
  end loop;
  while v_done < v_ready loop
    v_done := v_done + 1;
    v_edge := v_first[v_order[v_done]];
    while v_edge > 0 and p_parents[v_edge] = v_order[v_done] loop
      v_child            := p_children[v_edge];
      v_waiting[v_child] := v_waiting[v_child] - 1;
      if v_waiting[v_child] = 0 then
        v_ready          := v_ready + 1;
        v_order[v_ready] := v_child;
      end if;
      v_edge := v_edge + 1;
    end loop;
  end loop;
  return v_order[1:v_done];
end;
$$;

comment on function tasker._topological_order is 'Orders steps so that parents come first (Kahn). Fewer than p_steps come back when there is a cycle.';
