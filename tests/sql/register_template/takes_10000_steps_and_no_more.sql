begin;
\ir ../fixtures.psql
select plan(3);

create function pg_temp.with_steps (p_count integer) returns text language sql as $$
select format('select pg_temp.a_template(''t%s'', %L)', p_count,
  jsonb_object_agg('s' || i, '[]'::jsonb)) from generate_series(1, p_count) as i
$$;

select is(pg_temp.refusal(pg_temp.with_steps(10001)), 'TK006: 10001 steps, at most 10000',
  'one too many');
select lives_ok(pg_temp.with_steps(10000), 'just as many as may be');
select results_eq('select name, step_count, sink_count from tasker.task_templates',
  $$ values ('t10000', 10000, 10000) $$, 'only that is stored');

select * from finish();
rollback;
