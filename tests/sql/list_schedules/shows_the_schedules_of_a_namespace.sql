begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_schedule('0 3 * * *', '{"description": "nightly"}', 'b');
select pg_temp.a_schedule(null, '{"every": "PT6H", "version": "1.0.0", "missed": "all"}', 'c');
select pg_temp.a_schedule(null, '{"cron": ["0 1 * * *", "0 2 * * *"], "overlap": "skip",
                                  "time_zone": "Asia/Tokyo"}', 'a');
select results_eq('select namespace, name, template, version, cron, every, time_zone, missed,
                          overlap, description from tasker.list_schedules(''test'')',
  $$ values ('test', 'a', 'single', null, '{"0 1 * * *","0 2 * * *"}'::text[], null, 'Asia/Tokyo',
             'one', 'skip', null),
            ('test', 'b', 'single', null, '{"0 3 * * *"}', null, 'UTC', 'one', 'allow', 'nightly'),
            ('test', 'c', 'single', '1.0.0', null, 'PT6H', 'UTC', 'all', 'allow', null) $$,
  'by name');
select is((select (select changed from tasker.put_schedule(namespace, name, definition))
             from tasker.list_schedules() where name = 'a'), false,
  'a definition is as put_schedule takes it');
select is((select count(*) from tasker.list_schedules(null, 2)), 2::bigint,
  'no more than asked for');
select throws_ok('select from tasker.list_schedules(''nowhere'')', 'TK002', null, 'unknown');
select throws_ok('select from tasker.list_schedules(null, 0)', '22023', null, 'a bad limit');
select throws_ok('select from tasker.list_ticks(''test'', ''a'', null, 0)', '22023', null,
  'of ticks, too');

select * from finish();
rollback;
