begin;
\ir ../fixtures.psql
select plan(34);
select throws_ok('select tasker.report_runner(null, pg_temp.a_report())', '22023', null, 'no name');
select throws_ok('select tasker.report_runner(repeat(''x'', 201), pg_temp.a_report())', '22023',
  null, 'a long name');
select throws_ok(format('select tasker.report_runner(''r'', pg_temp.a_report(), %L)', bad), '22023',
  null, coalesce(bad, 'no interval'))
  from unnest(array['1 month', '0', '-1 second', '2 days']) as bad;
select throws_ok('select tasker.report_runner(''r'', null)', '22023', null, 'no report');
select throws_ok('select tasker.report_runner(''r'', ''[]'')', '22023', null, 'an array');
select throws_ok(format('select tasker.report_runner(''r'', pg_temp.a_report() - %L)', key),
  '22023', null, 'without ' || key)
  from unnest(array['host', 'breakers']) as key;
select throws_ok(format('select tasker.report_runner(''r'', pg_temp.a_report(p_more => %L))', bad),
  '22023', null, bad)
  from unnest(array['{"other": 1}', '{"host": ""}', '{"host": null}', '{"state": 1}', '{"pid": -1}',
    '{"pid": 1.5}',
    '{"uptime": "1"}', '{"uptime": -1}', '{"uptime": 1e11}', '{"uptime": null}',
    '{"namespaces": "a"}', '{"pools": {}}',
    '{"pools": [{"executors": "many"}]}', '{"breakers": [{"changed_ago": "long"}]}',
    '{"connections": []}', '{"counters": []}',
    '{"handlers": "a"}', '{"handlers": null}', '{"troubles": {}}',
    '{"troubles": [{"since_ago": 1e300}]}', '{"troubles": [{"times": "x"}]}',
    '{"breakers": [{"changed_ago": 1e300}]}']) as bad;
select throws_ok($$
  select tasker.report_runner('r', pg_temp.a_report(p_more => jsonb_build_object('connections',
    jsonb_build_object('x',
      (select string_agg(md5(n::text), '') from generate_series(1, 70000) as n))))) $$, 'TK006',
      null, 'over 1 MiB');
select is_empty('select from tasker.known_runners', 'nothing is kept');

select * from finish();
rollback;
