begin;
\ir ../fixtures.psql
select plan(5);
-- One of two first steps was done by hand before the time of the task had come, and what follows
-- from it fails.
select pg_temp.a_template('t', '{"early": [], "next": ["early"], "late": []}');
select pg_temp.a_task('t', p_options => '{"run_at": "2030-01-01T01:00:00Z"}') as task \gset
select from tasker.complete_step_manually(pg_temp.step(:'task', 'early'), null, 'by hand');
select pg_temp.a_claim() as token \gset
select results_eq(format('select step_state, task_state from tasker.fail_step(%L, %L, ''"no"'', '
  'false)', pg_temp.step(:'task', 'next'), :'token'),
  $$ values ('error', 'blocked_by_failures') $$,
  'the task has not ended: a step waits for its time');
select is((select affected from tasker.sweep() where action = 'tasks_finalized'), 0,
  'nor does the sweep end it');
select pg_temp.later('1 hour');
select from tasker.sweep();
select is(pg_temp.run_all(), 1, 'the step runs');
select is(pg_temp.task_state(:'task'), 'error', 'and the task ends');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
