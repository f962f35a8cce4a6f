begin;
\ir ../fixtures.psql
select plan(6);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('three', '{"a": [], "b": [], "c": ["a", "b"]}');
select pg_temp.a_task('three', p_options => '{"run_at": "2030-01-01T01:00Z", "priority": "high"}')
 as task \gset

select is(pg_temp.a_claim(9), null, 'there is nothing to do yet');
select pg_temp.later('59 minutes 59 seconds');
select is(pg_temp.swept('timers_fired'), 0, 'not before its time');
select pg_temp.later('1 second');
select is(pg_temp.swept('timers_fired'), 2, 'both first steps are enqueued');
select results_eq(format('select name, state from pg_temp.step_states(%L)', :'task'),
  $$ values ('a', 'enqueued'), ('b', 'enqueued'), ('c', 'pending') $$, 'and no other');
select is((select count(*) from pg_temp.queued('test_queue_high')), 2::bigint,
  'in the queue of their priority');
select is(pg_temp.run_all(), 3, 'the task runs');

select * from finish();
rollback;
