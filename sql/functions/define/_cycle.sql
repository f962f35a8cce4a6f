create or replace function tasker._cycle (
  p_names    text[],
  p_order    integer[],
  p_parents  integer[],
  p_children integer[]
)
  returns text
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- Names one cycle among the steps that found no place in the order: from any of them, walk to a
-- parent that found none either, until a step comes again.
--
-- Returns  like 'a -> b -> a'; the middle of a long one is left out
declare
  v_stuck boolean[] := array_fill(true, array[cardinality(p_names)]);
  v_up    integer[] := array_fill(0, array[cardinality(p_names)]);
  v_seen  integer[] := array_fill(0, array[cardinality(p_names)]);
  v_path  integer[] := array[]::integer[];
  v_step  integer;
begin
  for i in 1 .. cardinality(p_order) loop
    v_stuck[p_order[i]] := false;
  end loop;
  for i in 1 .. cardinality(p_parents) loop
    if v_stuck[p_parents[i]] then
      v_up[p_children[i]] := p_parents[i];
    end if;
  end loop;
  v_step := array_position(v_stuck, true);
  while v_seen[v_step] = 0 loop
    v_path         := v_step || v_path;
    v_seen[v_step] := cardinality(v_path);
    v_step         := v_up[v_step];
  end loop;
  v_path := v_step || v_path[1:cardinality(v_path) - v_seen[v_step] + 1];
  if cardinality(v_path) > 12 then
    return format('%s -> ... %s steps ... -> %s',
                  (select string_agg(p_names[p], ' -> ') from unnest(v_path[1:6]) as p),
                  cardinality(v_path) - 7,
                  p_names[v_step]);
  end if;
  return (select string_agg(p_names[p], ' -> ' order by i)
            from unnest(v_path) with ordinality as hop (p, i));
end;
$$;

comment on function tasker._cycle is 'Names one cycle of a definition that has one, like a -> b -> a.';
