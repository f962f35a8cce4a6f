begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_template('t', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('t') from generate_series(1, 2);
create function pg_temp.counted () returns integer language sql
 as $$ select affected from tasker.sweep(1) where action = 'joins_counted' $$;

-- As it is when both joins were held by somebody else: the decrements were deferred.
select from tasker.claim_steps('test', 'w1', 2) as step,
  tasker.complete_step(step.step_uuid, step.token);
update tasker.steps set state = 'pending', waiting_parents = 1 where step_id & 1048575 = 2;
insert into tasker.deferred_decrements (step_id, amount) select step_id,
  1 from tasker.steps where step_id & 1048575 = 2;
select pgmq.purge_queue('test_queue');
select is(pg_temp.counted(), 1, 'one join');
select is(pg_temp.counted(), 1, 'then the other');
select is(pg_temp.counted(), 0, 'there are no more');

select * from finish();
rollback;
