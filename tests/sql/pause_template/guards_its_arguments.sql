begin;
\ir ../fixtures.psql
select plan(5);
select pg_temp.a_task() as task \gset
select throws_ok('select from tasker.pause_template(''test'', ''nothing'', ''why'')', 'TK002', null,
  'unknown');
select throws_ok('select from tasker.pause_template(''test'', null, ''why'')', 'TK002', null,
  'null');
select throws_ok(format('select from tasker.pause_template(''test'', ''single'', %L)', reason),
  '22023',
  'a reason of 1 to 1000 characters is needed', coalesce(left(reason, 10), 'no reason'))
  from unnest(array[null, ' ', repeat('x', 1001)]) as reason;

select * from finish();
rollback;
