-- Every verb, in a life with failures, cancellation, retries and operators; nothing is wrong after
-- any of them.
begin;
\ir ../fixtures.psql
select plan(18);

select pg_temp.a_template('diamond', '{"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}',
  '{"max_attempts": 2, "jitter": false}');
create function pg_temp.well (p_after text) returns text language sql as $$
select pg_temp.later('1 second');
select is_empty('select * from tasker.check_invariants()', p_after)
$$;
select pg_temp.well('nothing is there');
select pg_temp.a_task('diamond') as task \gset
select pg_temp.a_task('diamond') as other \gset
select pg_temp.a_task('diamond', p_options => '{"run_at": "2031-01-01T00:00Z", "priority": "low"}')
 as late \gset
select pg_temp.well('three tasks');

select pg_temp.a_claim(2) as token \gset
select pg_temp.well('claimed');
select from tasker.release_claim(:'token');
select pg_temp.well('given back');
select pg_temp.a_claim(2) as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.well('one of two complete');
select from tasker.fail_step(pg_temp.step(:'other', 'a'), :'token', '"no"');
select pg_temp.well('the other failed');
select pg_temp.later('1 minute');
select from tasker.sweep();
select pg_temp.well('its retry is due');
select pg_temp.a_claim(9) as token \gset
select pg_temp.later('31 seconds');
select from tasker.sweep();
select pg_temp.well('a lease was lost');
select is((select count(*) from tasker.steps where state = 'error'), 1::bigint,
  'and an attempt was the last');
select from tasker.retry_step(pg_temp.step(:'other', 'a'), 'again');
select pg_temp.well('retried by hand');
select from tasker.cancel_task(:'other', 'enough');
select pg_temp.well('cancelled');
select from tasker.resolve_step(pg_temp.step(:'task', 'b'), 'done elsewhere');
select pg_temp.well('settled by hand');
select from tasker.pause_task(:'task', 'wait');
select pg_temp.a_claim(9);
select pg_temp.later('2 minutes');
select pg_temp.well('paused for long, its message is gone');
select from tasker.resume_task(:'task', 'go on');
select pg_temp.well('resumed');
select pg_temp.run_all();
select pg_temp.well('run to its end');
select is(pg_temp.task_state(:'task'), 'complete', 'which is good');
select from tasker.resolve_task(:'late', 'not needed');
select pg_temp.well('a scheduled task was resolved');
select is((select count(*) from tasker.tasks where finished_at is null), 0::bigint,
  'nothing is open');

select * from finish();
rollback;
