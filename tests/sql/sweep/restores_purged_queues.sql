begin;
\ir ../fixtures.psql
select plan(7);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('single', '{"only": []}');
select pg_temp.a_task('single', p_options => jsonb_build_object('priority', priority))
  from unnest(array['high', 'normal', 'low', 'normal']) as priority;
select pgmq.purge_queue('test_queue' || suffix) from unnest(array['', '_high', '_low']) as suffix;
select is(pg_temp.a_claim(9), null, 'nothing is handed out');

select pg_temp.later('5 seconds');
select is(pg_temp.swept('messages_restored'), 0, 'a message may be under way for five seconds');
select pg_temp.later('1 millisecond');
select is(pg_temp.swept('messages_restored'), 4, 'then new ones are sent');
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint,
  'to the queue of their priority');
select is((select count(*) from pg_temp.queued('test_queue_high')), 1::bigint, 'each');
select pg_temp.later('10 seconds');
select is(pg_temp.swept('messages_restored'), 0, 'once');
select is(pg_temp.run_all(), 4, 'and all runs');

select * from finish();
rollback;
