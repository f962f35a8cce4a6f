begin;
\ir ../fixtures.psql
select plan(10);
select throws_ok($$ select tasker.force_breaker('queue', 'open', 'why') $$, 'TK002', null,
  'no runner has one');
select tasker.report_runner('r1', pg_temp.a_report());
select throws_ok($$ select tasker.force_breaker('quue', 'open', 'why') $$, 'TK002',
  'no runner has such a circuit breaker', 'misspelt');
select throws_ok($$ select tasker.force_breaker(null, 'open', 'why') $$, 'TK002', null, 'null');
select throws_ok($$ select tasker.force_breaker('queue', 'open', 'why', 'r2') $$, 'TK002', null,
  'another runner');
select throws_ok(format('select tasker.force_breaker(''queue'', %L, ''why'')', bad), '22023',
  'bad position of a circuit breaker', coalesce(bad, 'null'))
  from unnest(array[null, 'half-open', '']) as bad;
select throws_ok(format('select tasker.force_breaker(''queue'', ''open'', %L)', bad), '22023', null,
  coalesce(bad, 'no reason'))
  from unnest(array[null, ' ']) as bad;
select is_empty('select from tasker.forced_breakers', 'nothing is forced');

select * from finish();
rollback;
