begin;
\ir ../fixtures.psql
select plan(6);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('single', '{"only": []}');
select pg_temp.a_task('single') as first \gset
select pg_temp.later('1 second');
select pg_temp.a_task('single') as second \gset
select pg_temp.later('1 second');
select pg_temp.a_task('single') as third \gset
delete from pgmq.q_test_queue
 where message ->> 'step_id' = tasker._step_id(pg_temp.step(:'second', 'only'))::text;

select pg_temp.later('10 seconds');
select is(pg_temp.swept('messages_restored'), 0, 'not suspected while an older message waits');
select is((select count(*) from tasker.claim_steps('test', 'w1')), 1::bigint,
  'the older one is claimed');
select is(pg_temp.swept('messages_restored'), 1, 'then it is missed');
select bag_eq($$ select pg_temp.queued('test_queue') $$,
  array[tasker._step_id(pg_temp.step(:'second', 'only')),
    tasker._step_id(pg_temp.step(:'third', 'only'))], 'one message for each');
select pg_temp.later('10 seconds');
select is(pg_temp.swept('messages_restored'), 0, 'once');
select is(pg_temp.run_all(), 2, 'both run');

select * from finish();
rollback;
