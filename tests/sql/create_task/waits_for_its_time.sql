begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain', p_options => '{"run_at": "2030-01-01T01:00:00+00:00"}') as task \gset

select results_eq(format('select name, state from pg_temp.step_states(%L)', :'task'),
  $$ values ('a', 'pending'), ('b', 'pending') $$, 'nothing is enqueued');
select is_empty($$ select pg_temp.queued('test_queue') $$, 'nor sent');
select is((select run_at from tasker.tasks), '2030-01-01 01:00Z', 'its time is kept');
select results_eq(format('select pg_temp.history(%L)', :'task'), array['task created'],
  'history knows the task');

select pg_temp.later('1 hour' - interval '1 microsecond');
select is(pg_temp.run_all(), 0, 'a moment before, there is nothing to do');
select is((select affected from tasker.sweep() where action = 'timers_fired'), 0,
  'nor is anything due');
select pg_temp.later('1 microsecond');
select is((select affected from tasker.sweep() where action = 'timers_fired'), 1, 'then it is');
select results_eq(format('select name, state from pg_temp.step_states(%L)', :'task'),
  $$ values ('a', 'enqueued'), ('b', 'pending') $$, 'the first step is enqueued');
select is(pg_temp.run_all(), 2, 'and the task runs');
select is(pg_temp.task_state(:'task'), 'complete', 'to its end');

-- A time that is over, and this very moment, are now.
select pg_temp.a_task('chain',
  p_options => jsonb_build_object('run_at',
    to_char(tasker._now() + wait, 'YYYY-MM-DD"T"HH24:MI:SS.USOF')))
  from unnest('{-1 year,-1 microsecond,0}'::interval[]) as wait;
select is((select count(*) from pg_temp.queued('test_queue')), 3::bigint,
  'what is due is enqueued at once');
select is_empty('select from tasker.timers', 'without a timer');
select pg_temp.a_task('chain', p_options => '{"run_at": "2030-01-01 02:00:00.5+01"}');
select lives_ok('select * from tasker.sweep()', 'a blank for the T and a short zone are read too');

select * from finish();
rollback;
