begin;
\ir ../fixtures.psql
select plan(2);
select tasker.create_namespace('test');
select from tasker.await_work(array['test'], 'w1', '5 seconds');
select from tasker.await_work(array['test'], 'w2', '1 hour');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select results_eq('select worker from tasker.waiters', array['w2'], 'their time is over');
select is((select count(*) from tasker.waiters), 1::bigint, 'the others wait on');

select * from finish();
rollback;
