begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('diamond', '{"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}');
select pg_temp.a_task('diamond') as task \gset
select from tasker.complete_step_manually(pg_temp.step(:'task', 'a'), '{"given": 1}', 'by hand');
select results_eq('select name, dependency_results from tasker.claim_steps(''test'', ''w1'', 9)',
  $$ values ('b', '{"a": {"given": 1}}'::jsonb), ('c', '{"a": {"given": 1}}') $$,
  'children see it');
select from tasker.complete_step_manually(pg_temp.step(:'task', 'b'), null, 'by hand');
select from tasker.complete_step_manually(pg_temp.step(:'task', 'c'), 'null', 'by hand');
select results_eq('select name, dependency_results from tasker.claim_steps(''test'', ''w1'', 9)',
  $$ values ('d', '{"b": null, "c": null}'::jsonb) $$, 'no result and a JSON null are the same');
select throws_ok(format('select from tasker.complete_step_manually(%L, %L, ''why'')',
  pg_temp.step(:'task', 'd'),
  to_jsonb((select string_agg(md5(i::text), '') from generate_series(1, 33000) as i))), 'TK006',
  null, 'a result of more than 1 MiB is refused');
select is(pg_temp.step_state(pg_temp.step(:'task', 'd')), 'in_progress', 'and changes nothing');

select * from finish();
rollback;
