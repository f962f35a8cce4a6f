begin;
\ir ../fixtures.psql
select plan(5);

select is((select count(*) from tasker.recent_activity), 10::bigint, 'ten parts, also of nothing');
select pg_temp.a_task() as task \gset
select pg_temp.later('5 minutes');
select tasker.complete_step(pg_temp.step(:'task', 'only'), pg_temp.a_claim());
select results_eq('select sum(tasks_created), sum(attempts_started), sum(steps_completed), '
  'sum(attempts_failed), sum(tasks_completed) from tasker.recent_activity',
  'values (1::numeric, 1::numeric, 1::numeric, 0::numeric, 1::numeric)', 'each once');
select results_eq('select since, until from tasker.recent_activity where attempts_started = 1',
  $$ values ('2030-01-01 00:04Z'::timestamptz, '2030-01-01 00:05Z'::timestamptz) $$,
  'in the part when it happened');
select pg_temp.later('6 minutes');
select results_eq('select sum(tasks_created), sum(steps_completed) from tasker.recent_activity',
  'values (0::numeric, 1::numeric)', 'what is over ten minutes old is gone');

insert into tasker.transitions (at, actor, session_role, application, ids, changes)
select tasker._now() - interval '1 second' * n / 100, 'w', 'r', 'a', array[1::bigint],
       array['task created']::tasker.transition[]
  from generate_series(1, 6000) as n;
select results_eq('select min(since), sum(tasks_created) from tasker.recent_activity',
  $$ values ('2030-01-01 00:10:10Z'::timestamptz, 5000::numeric) $$,
  'of many calls the time of the last 5000');

select * from finish();
rollback;
