begin;
\ir ../fixtures.psql
select plan(5);
create function pg_temp.swept () returns integer language sql as $$
select affected from tasker.sweep() where action = 'messages_restored'
$$;
select pg_temp.a_template('wide',
  (select jsonb_object_agg('s' || i, '[]'::jsonb) from generate_series(1, 6000) as i));
select pg_temp.a_task('wide') from generate_series(1, 2);
select from pgmq.purge_queue('test_queue');
select pg_temp.later('1 minute');
select is(pg_temp.swept(), 8000, 'a call looks at eight thousand steps');
select is(pg_temp.swept(), 4000, 'the next one goes on in the middle of a task');
select is(pg_temp.swept(), 0, 'and so on');
select is((select count(distinct id) from pg_temp.queued('test_queue') as id), 12000::bigint,
  'a message for each step');
select is((select count(*) from pg_temp.queued('test_queue')), 12000::bigint, 'and one only');

select * from finish();
rollback;
