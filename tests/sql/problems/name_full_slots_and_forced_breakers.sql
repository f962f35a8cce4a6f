begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('t', '{"export": []}');
select pg_temp.a_task('t') from generate_series(1, 5);
select tasker.report_runner('vm:1',
  pg_temp.a_report(p_more =>
    '{"pools": [{"pool": "task_claimer", "namespace": "test", "executors": 2}]}'), '1 day');
select pg_temp.a_claim(2, 'vm:1', '1 day');
select pg_temp.later('7 minutes');
prepare shown as select severity, code, subject, problem, cure from tasker.problems
 where code in ('slots_full', 'queue_behind');
select results_eq('shown', $$ values ('warning', 'slots_full', 'namespace test',
  '3 steps of test wait up to 7 min; 2 of 2 slots of vm:1 are busy, the oldest 7 min with export',
  'tasker-sql run --namespace test --handlers MODULE') $$, 'all are busy');
create temp table queued as select step_uuid from tasker.list_queued_steps('test', 1);
select results_eq('select code, reason from queued, tasker.explain_step(step_uuid)',
  $$ values ('queued',
  'queued for 7 min; 1 worker serves namespace test; 2 of 2 slots of vm:1 are busy, the oldest 7 '
  'min with export') $$, 'as explain_step says');
select pg_temp.later('4 minutes');
select is((select severity || ' ' || code from tasker.problems
  where code in ('slots_full', 'queue_behind')), 'critical slots_full', 'for too long');
select tasker.report_runner('vm:2',
  pg_temp.a_report(p_more =>
    '{"pools": [{"pool": "task_claimer", "namespace": "test", "executors": 1}]}'), '1 day');
select is((select code from tasker.problems where code in ('slots_full', 'queue_behind')),
  'queue_behind', 'another runner has a free slot');

-- Forced, though its runner has not heard of it.
select tasker.report_runner('vm:2', pg_temp.a_report(), '1 day');
select from tasker.force_breaker('queue', 'open', 'a bad release');
select results_eq('select subject, problem, cure from tasker.problems where code = '
  '''breaker_open'' and subject ~ ''vm:2''',
  $$ values ('breaker queue of runner vm:2', 'an operator forced it open: it lets no call pass',
    'tasker-sql runner release queue --reason ''<why>''') $$, 'forced open');
select is((select effective_state || ' ' || state from tasker.circuit_breakers
  where runner = 'vm:2'), 'open closed', 'whatever it was');
select matches((select reason from queued, tasker.explain_step(step_uuid)),
  'breaker queue of runner vm:2 is forced open', 'as explain_step says');

select * from finish();
rollback;
