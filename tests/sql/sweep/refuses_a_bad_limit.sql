begin;
\ir ../fixtures.psql
select plan(9);
select throws_ok('select * from tasker.sweep(' || bad || ')', '22023', 'limit out of range', bad)
  from unnest(array['0', '-1', '9223372036854775807', '100001', '2147483647']) as bad;
select lives_ok('select * from tasker.sweep(1)', '1');
select lives_ok('select * from tasker.sweep(100000)', '100000');
select results_eq('select action from tasker.sweep()',
  array['queues_recreated', 'claims_taken_back', 'timers_fired', 'alarms_fired',
    'joins_counted', 'submissions_processed', 'messages_restored', 'schedules_fired',
    'tasks_finalized'],
  'every kind of action is reported');
select is((select sum(affected) from tasker.sweep()), 0::bigint, 'and nothing was to be done');

select * from finish();
rollback;
