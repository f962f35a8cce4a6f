begin;
\ir ../fixtures.psql
select plan(9);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('single', '{"only": []}');
select pg_temp.a_task('single') as first \gset
select pgmq.drop_queue('test_queue');
drop table pgmq.q_test_queue_low;
drop table pgmq.q_orchestration_step_results;

-- Nothing fails meanwhile.
select is(pg_temp.a_claim(9), null, 'a claim finds nothing');
select lives_ok('select * from tasker.create_task(''test'', ''single'')', 'a task can be made');
select is((select count(*) from tasker.process_step_results()), 0::bigint,
  'no result is there to be processed');

select is(pg_temp.swept('queues_recreated'), 3, 'the sweep makes all three again');
select is(pg_temp.swept('queues_recreated'), 0, 'once');
select pg_temp.later('6 seconds');
select is(pg_temp.swept('messages_restored'), 2, 'and sends the messages again');
select is(pg_temp.run_all(), 2, 'all runs');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select hasnt_index('pgmq', 'q_test_queue', 'q_test_queue_vt_idx',
  'a queue made again is tuned like the first');

select * from finish();
rollback;
