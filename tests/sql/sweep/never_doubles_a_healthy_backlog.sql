begin;
\ir ../fixtures.psql
select plan(7);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair') from generate_series(1, 50);
-- The backlog is old, and some of it was claimed, given back, or hidden by a stranger's read.
select pg_temp.later('1 hour');
select pg_temp.a_claim(10) as token \gset
select from tasker.release_claim(:'token');
select from pgmq.read('test_queue', 3600, 20);

select pg_temp.later('1 hour');
select is(pg_temp.swept('messages_restored'), 0, 'nothing is lost');
select pg_temp.later('1 hour');
select is(pg_temp.swept('messages_restored'), 0, 'however old it gets');

-- Nor when messages are younger than their steps, as those that a claim puts back.
select pgmq.purge_queue('test_queue');
select tasker._put_back(array(select step_id from tasker.steps), tasker._now());
select pg_temp.later('1 hour');
select is(pg_temp.swept('messages_restored'), 0, 'nor when their messages are younger');
select is((select count(*) from pg_temp.queued('test_queue')), 100::bigint,
  'a message for each step');
select is((select count(distinct id) from pg_temp.queued('test_queue') as id), 100::bigint,
  'and one only');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select is(pg_temp.run_all(), 100, 'all runs');

select * from finish();
rollback;
