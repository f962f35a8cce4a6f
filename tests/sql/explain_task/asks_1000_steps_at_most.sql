begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('t',
  (select jsonb_object_agg('s' || n, '[]'::jsonb) from generate_series(1, 1003) as n));
select pg_temp.a_task('t') as task \gset
select results_eq(format('select code, steps, blocks from tasker.explain_task(%L)', :'task'),
  $$ values ('no_worker', 1000, false), ('unasked', 3, false) $$, 'and says how many it did not');
select pg_temp.a_claim(3) as token \gset
select results_eq(format('select code, steps, blocks from tasker.explain_task(%L)', :'task'),
  $$ values ('running', 3, true), ('queued', 997, false), ('unasked', 3, false) $$,
  'those that move come first');

select * from finish();
