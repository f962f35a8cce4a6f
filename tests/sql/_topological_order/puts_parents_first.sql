begin;
\ir ../fixtures.psql
select plan(10);

select is(tasker._topological_order(graph.steps, graph.parents, graph.children), graph.ordered,
  graph.what)
  from (values
    (1, null::integer[], null::integer[], '{1}'::integer[], 'one step without edges'),
    (3, '{}', '{}', '{1,2,3}', 'three without edges'),
    (3, '{2,3}', '{1,2}', '{3,2,1}', 'a line, backwards'),
    (4, '{1,1,2,3}', '{2,3,4,4}', '{1,2,3,4}', 'a diamond'),
    (5, '{2,3,5,5}', '{1,1,2,3}', '{4,5,2,3,1}', 'a diamond upside down, and one alone'),
    (1, '{1}', '{1}', '{}', 'a step that waits for itself'),
    (2, '{1,2}', '{2,1}', '{}', 'two that wait for each other'),
    (4, '{1,2,3,3}', '{2,3,2,4}', '{1}', 'what is on a cycle or behind it has no place')
  ) as graph (steps, parents, children, ordered, what);

-- In time proportional to the edges: 20,000 steps that all lead to the next, and one that all lead
-- to.
set local statement_timeout = '20s';
select is((select tasker._topological_order(20000, array_agg(i order by i),
  array_agg(i + 1 order by i)) from generate_series(1, 19999) as i),
          array(select generate_series(1, 20000)), 'a long line');
select is((select tasker._topological_order(20000, array_agg(i order by i),
  array_fill(1, array[19999])) from generate_series(2, 20000) as i),
          array(select generate_series(2, 20000)) || 1, 'a wide join');

select * from finish();
rollback;
