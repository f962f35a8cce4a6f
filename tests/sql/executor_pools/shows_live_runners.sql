begin;
\ir ../fixtures.psql
select plan(5);
select tasker.report_runner('r1', pg_temp.a_report());
select tasker.report_runner('r2', pg_temp.a_report(p_more => '{"state": "stopped"}'));
select results_eq('select runner, pool, namespace, executors, queue_age from tasker.executor_pools',
  $$ values ('r1', 'task_claimer', 'test', 10, interval '1.5 seconds') $$,
  'the pools of the one that is live');
select results_eq('select runner, breaker, state, changed_at, seen_at from tasker.circuit_breakers',
  $$ values ('r1', 'queue', 'closed', tasker._now() - interval '5 seconds', tasker._now()) $$,
  'and its circuit breakers');
select pg_temp.later('15 seconds');
select is_empty('select from tasker.executor_pools', 'one that is gone has no pools');
select is_empty('select from tasker.circuit_breakers', 'and no circuit breakers');
select is((select count(*)::integer from tasker.known_runners where not is_live), 2,
  'but is known');

select * from finish();
rollback;
