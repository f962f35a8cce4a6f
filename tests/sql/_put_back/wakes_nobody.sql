begin;
\ir ../fixtures.psql
select plan(2);
select pg_temp.a_task() as task \gset
select from tasker.await_work('{test}', 'idle');
select tasker._put_back(array[tasker._step_id(pg_temp.step(:'task', 'only'))], tasker._now());
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint, 'the pointer is there');
select is((select count(*) from tasker.waiters), 1::bigint,
  'an idle worker goes on waiting: the step is not free');

select * from finish();
rollback;
