begin;
\ir ../fixtures.psql
select plan(5);
select pg_temp.gated('t', '[{"name": "day", "wait": {"for": "P1D"}}]');
select pg_temp.a_task('t') as task \gset
select pg_temp.play();

-- Between the sweep's look at what is due and the lock of the step, somebody sets the alarm again.
select is(tasker._ring('wait', array(select step_id from tasker.alarms), tasker._now()), 0,
  'it is not due any more');
select is(pg_temp.ends(:'task'), 'day waiting', 'so the step goes on to wait');
select pg_temp.later('1 day');
select is(tasker._ring('check', array(select step_id from tasker.alarms), tasker._now()), 0,
  'nor is it one of another kind');
select is(tasker._ring('wait', array(select step_id from tasker.alarms), tasker._now()), 1,
  'now it rings');

select pg_temp.a_task(p_options => '{"deadline": "PT1H"}') as late \gset
select is(tasker._ring('deadline', array(select step_id from tasker.alarms), tasker._now()), 0,
  'a deadline that was moved does not pass');

select * from finish();
rollback;
