begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_task() as task \gset
select from tasker.pause_task(:'task', 'wait');
select from pgmq.drop_queue('test_queue');
select pg_temp.later('1 second');
select results_eq(format('select paused, changed from tasker.resume_task(%L, ''go on'')', :'task'),
  'values (false, true)', 'it can be resumed');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select is(pg_temp.run_all(), 1, 'and runs when the queue is there again');
select is(pg_temp.task_state(:'task'), 'complete', 'to its end');

select * from finish();
rollback;
