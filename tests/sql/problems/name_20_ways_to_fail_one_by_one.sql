begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_template('t', (select jsonb_object_agg('s' || n, '[]'::jsonb) from generate_series(1, 22) as n), '{"max_attempts": 1}');
select pg_temp.a_task('t') as first, pg_temp.a_task('t') as second \gset
select from tasker.claim_steps('test', 'w1', 44) as held
 cross join lateral tasker.fail_step(held.step_uuid, held.token, '"broken"')
 where held.task_uuid = :'first' or held.name <> 's7';
prepare told as select count(*), count(*) filter (where subject = 'step test/t/s7'), max(problem) filter (where subject = 'other steps')
  from tasker.problems where code = 'dead_letters';
select results_eq('told', $$ values (21::bigint, 0::bigint, '3 failed for good in 2 more ways') $$, 'the most frequent, and the rest in a line');
select from unnest(array[:'first', :'second']::uuid[]) as task, generate_series(1, 2) as n
 cross join lateral tasker.resolve_step(pg_temp.step(task, 's' || n), 'by hand');
select results_eq('told', $$ values (20::bigint, 1::bigint, null::text) $$, 'no rest');

select * from finish();
