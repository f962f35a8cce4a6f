begin;
\ir ../fixtures.psql
select plan(5);
select tasker.report_runner(name, pg_temp.a_report()) from unnest(array['old', 'young']) as name;
select from tasker.force_breaker('queue', 'open', 'why', 'old');
select from tasker.force_breaker('queue', 'open', 'why', 'young');
select from tasker.force_breaker('queue', 'open', 'why');
select pg_temp.later('1 day 14 seconds');
select tasker.report_runner('young', pg_temp.a_report());
select set_eq('select name from tasker.known_runners', array['old', 'young'],
  'a day after it was gone it is known');
select pg_temp.later('2 seconds');
select tasker.report_runner('young', pg_temp.a_report());
select results_eq('select name from tasker.known_runners', array['young'], 'and then forgotten');
select set_eq('select runner from tasker.forced_breakers', array['young', null],
  'with what was wanted of it');

-- One that crashes and starts again for ever.
insert into tasker.runners
select 'r' || n, host, pid, version, started_at, seen_at, gone_at, state, status, namespaces, pools,
  breakers, connections, handlers, troubles, role
  from tasker.runners cross join generate_series(1, 1005) as n where name = 'young';
select tasker.report_runner('young', pg_temp.a_report());
select is((select count(*)::integer from tasker.known_runners), 1006,
  'those that are live are all kept');
select pg_temp.later('1 minute');
select tasker.report_runner('young', pg_temp.a_report());
select is((select count(*)::integer from tasker.known_runners), 1001,
  'of those that are gone, a thousand');

select * from finish();
rollback;
