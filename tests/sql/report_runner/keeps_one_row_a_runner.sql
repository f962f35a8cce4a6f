begin;
\ir ../fixtures.psql
select plan(10);
select is_empty($$ select * from tasker.report_runner('r1', pg_temp.a_report()) $$,
  'nothing is forced');
select results_eq('select name, is_live, state, status, namespaces, started_at, seen_at, host, '
  'pid, version from tasker.known_runners',
  $$ values ('r1', true, 'normal', 'healthy', array['test'], tasker._now() - interval '1 minute',
    tasker._now(), 'h', 7, '1') $$,
  'it is known');
select pg_temp.later('5 seconds');
select * from tasker.report_runner('r1',
  pg_temp.a_report('["a"]', '{"uptime": 65.4, "state": "stopped"}'));
select results_eq('select state, is_live, namespaces, started_at from tasker.known_runners',
  $$ values ('stopped', false, array['a'], tasker._now() - interval '65 seconds') $$,
  'the row is updated in place, its start stays');
select * from tasker.report_runner('r1', pg_temp.a_report('["a"]', '{"uptime": 0}'));
select results_eq('select is_live, started_at from tasker.known_runners',
  'values (true, tasker._now())', 'a process that follows it takes the name over');

select pg_temp.later('14 seconds');
select is((select is_live from tasker.known_runners), true, 'it is live within three intervals');
select pg_temp.later('1 second');
select results_eq('select is_live, state, silent_for from tasker.known_runners',
  $$ values (false, 'lost', interval '15 seconds') $$, 'and then lost');
select * from tasker.report_runner('r2', pg_temp.a_report(), '1 minute');
select pg_temp.later('2 minutes 59 seconds');
select is((select is_live from tasker.known_runners where name = 'r2'), true,
  'the interval is its own');
select is((select count(*)::integer from tasker.known_runners), 2, 'both are known');

select * from tasker.report_runner('r2', pg_temp.a_report(p_more =>
  '{"handlers": ["a", "sql:*"], "troubles": [{"code": "disk_full", "times": 3}]}'));
select results_eq('select handlers, troubles ->> 0, role = session_user from tasker.known_runners '
  'where name = ''r2''',
  $$ values (array['a', 'sql:*'], '{"code": "disk_full", "times": 3}', true) $$,
  'it says what it can run, and what it met');
select results_eq('select handlers, troubles ->> 0 from tasker.known_runners where name = ''r1''',
  'values (null::text[], null::text)', 'or nothing');

select * from finish();
rollback;
