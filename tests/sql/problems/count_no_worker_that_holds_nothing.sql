begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_template('t', '{"a": [], "b": []}');
select pg_temp.a_task('t') as task \gset
select pg_temp.a_claim(2, 'hung', '2 hours') as token \gset
select from tasker.requeue_step(pg_temp.step(:'task', 'a'), 'it hangs');
select pg_temp.later('10 minutes');
prepare codes as select code from tasker.problems where code in ('no_worker', 'queue_behind')
 order by code;
select is_empty('codes', 'it holds the other one still');
select from tasker.requeue_step(pg_temp.step(:'task', 'b'), 'it hangs');
select results_eq('codes', $$ values ('no_worker') $$, 'its claim names steps that it has lost');
select results_eq(format('select code from tasker.explain_step(%L)', pg_temp.step(:'task', 'a')),
  $$ values ('no_worker') $$, 'which explain says, too');

select * from finish();
