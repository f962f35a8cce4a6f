begin;
\ir ../fixtures.psql
select plan(7);

create function pg_temp.with_steps (p_steps jsonb) returns text language sql as $$
select format('select pg_temp.a_template(''t'', %L)', p_steps)
$$;
-- A ring of p_length steps s1 -> s2 -> ... -> s1.
create function pg_temp.ring (p_length integer) returns jsonb language sql as $$
select jsonb_object_agg('s' || i,
  jsonb_build_array('s' || case i when 1 then p_length else i - 1 end))
  from generate_series(1, p_length) as i
$$;

select is(pg_temp.refusal(pg_temp.with_steps('{"a": ["a"]}')), 'TK007: a -> a',
  'a step that waits for itself');
select is(pg_temp.refusal(pg_temp.with_steps('{"a": ["b"], "b": ["a"]}')), 'TK007: a -> b -> a',
  'two that wait for each other');
select is(pg_temp.refusal(pg_temp.with_steps('{"a": ["c"], "b": ["a"], "c": ["b"]}')),
  'TK007: a -> b -> c -> a', 'three, in the order of running');
select is(pg_temp.refusal(pg_temp.with_steps('{"root": [], "a": ["z", "root"], "b": ["root"], "y": '
  '["z"], "z": ["y"]}')),
          'TK007: z -> y -> z', 'only those on it are named, not what comes before or after');
select is(pg_temp.refusal(pg_temp.with_steps(pg_temp.ring(12))),
  'TK007: s1 -> s2 -> s3 -> s4 -> s5 -> s6 -> ... 6 steps ... -> s1', 'a long one is cut');
select alike(pg_temp.refusal(pg_temp.with_steps(pg_temp.ring(3000))),
  'TK007: % -> ... 2994 steps ... -> s1', 'a very long one');
select is_empty('select name from tasker.task_templates union all select name from '
  'tasker.namespaces', 'nothing was stored');

select * from finish();
rollback;
