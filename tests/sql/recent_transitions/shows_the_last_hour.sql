begin;
\ir ../fixtures.psql
select plan(3);

select pg_temp.a_task() as task \gset
select pg_temp.later('59 minutes');
select pg_temp.a_claim();
select results_eq('select at, task_uuid, step_uuid, task_name, step_name, from_state, to_state, '
  'actor from tasker.recent_transitions order by transition_id desc, position desc limit 2',
  format($$ values ('2030-01-01 00:59Z'::timestamptz, %1$L::uuid, %2$L::uuid, 'single', 'only',
    'enqueued', 'in_progress', 'w1'),
                   ('2030-01-01 00:59Z', %1$L, null, 'single', null, 'pending', 'in_progress',
                     'w1') $$, :'task', pg_temp.step(:'task', 'only')), 'the newest');
select is((select count(*) from tasker.recent_transitions), 4::bigint, 'everything');
select pg_temp.later('2 minutes');
select is((select count(*) from tasker.recent_transitions), 2::bigint,
  'the older ones are over an hour old');

select * from finish();
rollback;
