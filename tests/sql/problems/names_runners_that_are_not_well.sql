begin;
\ir ../fixtures.psql
select plan(6);
prepare runners as select severity, code, subject, since, problem, cure from tasker.problems
                    where code in ('runner_lost', 'breaker_open', 'late_writes');

select from tasker.create_namespace('test');
select tasker.report_runner('r1', pg_temp.a_report());
select tasker.report_runner('r2', pg_temp.a_report(p_more => '{"state": "stopped"}'));
select tasker.report_runner('r3', pg_temp.a_report(p_more =>
  '{"breakers": [{"breaker": "queue", "state": "open", "changed_ago": 5, "failed_in_a_row": 7, '
  '"last_error": "no route"}]}'));
select results_eq('runners',
  $$ values ('warning', 'breaker_open', 'breaker queue of runner r3',
    '2029-12-31 23:59:55Z'::timestamptz,
  'it lets no call pass after 7 failures in a row, and tries again by itself: no route',
  'select * from tasker.circuit_breakers') $$, 'a breaker is open');
select tasker.report_runner('r3', pg_temp.a_report(p_more =>
  '{"breakers": [{"breaker": "queue", "state": "open", "forced": "open", "changed_ago": 5}]}'));
select results_eq('select problem, cure from tasker.problems where code = ''breaker_open''',
  $$ values ('an operator forced it open: it lets no call pass',
    'tasker-sql runner release queue --reason ''<why>''') $$, 'for somebody wants it so');
select tasker.report_runner('r3', pg_temp.a_report(p_more => '{"state": "stopped"}'));
select is_empty('runners', 'who stopped is not missed');
select pg_temp.later('14 minutes');
select results_eq('runners',
  $$ values ('warning', 'runner_lost', 'runner r1', '2030-01-01 00:00Z'::timestamptz,
  'process 7 on h was last heard of 14 min ago, and did not say that it stops; start it again with '
  'its handlers', 'tasker-sql run --namespace test --handlers MODULE') $$, 'who fell silent is');
select pg_temp.later('50 minutes');
select is_empty('runners', 'for an hour');

insert into tasker.refused_writes (step_id, token, worker, cause, refused_at)
select 1, gen_random_uuid(), 'w1', 'lease expired', tasker._now() from generate_series(1, 10);
select results_eq('select severity, code, subject, problem from tasker.problems where code = '
  '''late_writes''', $$ values ('warning', 'late_writes', 'worker w1',
  '10 outcomes were refused within the hour: its leases had ended; it needs a longer --lease, or '
  'fewer --slots') $$, 'a zombie');

select * from finish();
rollback;
