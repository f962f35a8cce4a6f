begin;
\ir ../fixtures.psql
select plan(5);

create function pg_temp.with_steps (p_steps jsonb) returns text language sql as $$
select format('select pg_temp.a_template(''t'', %L)', p_steps)
$$;

select is(pg_temp.refusal(pg_temp.with_steps('{"a": [], "b": ["c"]}')),
  '22023: step b depends on ''c'', which does not exist', 'unknown');
select is(pg_temp.refusal(pg_temp.with_steps('{"a": [], "b": ["a", "a"]}')),
  '22023: step b names a twice', 'twice');
select is(pg_temp.refusal(pg_temp.with_steps('{"a": [], "b": ["A"]}')),
  '22023: step b depends on ''A'', which does not exist', 'case matters');
select is(pg_temp.refusal(pg_temp.with_steps('{"a": [], "b": [""]}')),
  '22023: step b depends on '''', which does not exist', 'no name');
select is_empty('select name from tasker.task_templates union all select name from '
  'tasker.namespaces', 'nothing was stored');

select * from finish();
rollback;
