begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_schedule('0 * * * *', '{"missed": "all", "time_zone": "Asia/Kathmandu"}');
select pg_temp.at('2030-01-01 04:00Z'), pg_temp.fired();
select is(array(select tick_at from tasker.list_ticks('test', 'plan', null, 2)),
  '{2030-01-01 03:15Z,2030-01-01 02:15Z}'::timestamptz[], 'the newest first');
select is(array(select tick_at from tasker.list_ticks('test', 'plan', '2030-01-01 02:15Z', 9)),
  '{2030-01-01 01:15Z,2030-01-01 00:15Z}'::timestamptz[], 'then those before');
select is((select wall::text from tasker.list_ticks('test', 'plan') limit 1), '2030-01-01 09:00:00',
  'with what the wall shows');
select throws_ok('select from tasker.list_ticks(''test'', ''none'')', 'TK002', null, 'unknown');

select * from finish();
rollback;
