begin;
\ir ../fixtures.psql
select plan(5);
prepare shown as select severity, subject, problem, cure from tasker.problems
 where code = 'dead_letters';
select pg_temp.a_template('t', '{"a": [], "b": []}', '{"max_attempts": 1}');
create function pg_temp.fails (p_tasks integer) returns void language sql as $$
select pg_temp.a_task('t') from generate_series(1, p_tasks);
select from tasker.claim_steps('test', 'w1', 2 * p_tasks) as held cross
join lateral tasker.fail_step(held.step_uuid, held.token, '"broken"');
$$;
select pg_temp.fails(3);
select pg_temp.later('4 minutes');
select results_eq('shown',
  $$ values ('warning', 'template test/t',
    '6 failed for good in 2 ways, 6 in the last 5 min, last a 4 min ago: broken',
  'tasker-sql dlq retry --namespace test --template t --reason ''<why>''') $$,
  'one row for a template');
select pg_temp.later('4 minutes');
select pg_temp.fails(6);
select results_eq('select severity, problem from tasker.problems where code = ''dead_letters''',
  $$ values ('critical',
  '18 failed for good in 2 ways, 12 in the last 5 min, rising, last a 0 s ago: broken') $$,
  'more and more fail');
select pg_temp.later('3 days');
select results_eq('select severity, problem from tasker.problems where code = ''dead_letters''',
  $$ values ('warning',
  '18 failed for good in 2 ways, last a 3 d 0 h ago: broken') $$, 'what is over is not an alarm');

select pg_temp.a_template('t' || n, '{"a": []}', '{"max_attempts": 1}') from generate_series(1, 21)
 as n;
select pg_temp.a_task('t' || n) from generate_series(1, 21) as n;
select from tasker.claim_steps('test', 'w1', 50) as held cross
 join lateral tasker.fail_step(held.step_uuid, held.token, '"broken"');
select is((select count(*) from tasker.problems where code = 'dead_letters'), 21::bigint,
  'twenty templates');
select results_eq('select problem, cure from tasker.problems where subject = ''other templates''',
  $$ values ('19 failed for good, of 2 more templates', 'tasker-sql dlq list') $$,
  'and the rest in a line');

select * from finish();
rollback;
