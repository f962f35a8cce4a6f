begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('t', '{"a": []}');
create function pg_temp.asks (p_wait interval) returns bigint language sql as $$
select count(*) from tasker.claim_steps('test', 'w1', p_wait => p_wait)
$$;
select is(pg_temp.asks(null), 0::bigint, 'nothing is there');
select is_empty('table tasker.waiters', 'and nobody registered');
select is(pg_temp.asks('5 seconds'), 0::bigint, 'nothing is there');
select results_eq('select worker, until from tasker.waiters',
  $$ values ('w1', tasker._now() + '5 seconds') $$, 'the worker is registered, as by await_work');
select pg_temp.asks('5 seconds');
select is((select count(*) from tasker.waiters), 1::bigint, 'once');
select pg_temp.a_task('t');
select is_empty('table tasker.waiters', 'new work wakes it');
select from tasker.finish_and_claim('test', 'w1', null, null, 1, p_wait => '5 seconds');
select is_empty('table tasker.waiters', 'who found something does not wait');

select * from finish();
rollback;
