begin;
\ir ../fixtures.psql
select plan(8);
create function pg_temp.swept (p_action text) returns integer language sql as $$
select affected from tasker.sweep() where action = p_action
$$;
select pg_temp.a_template('external', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('external') as task, pg_temp.a_task('external') as other \gset
select is(pg_temp.run_all(), 2, 'all steps are done');
select pg_temp.later('1 hour');
select is(pg_temp.swept('tasks_finalized'), 0, 'processors have an hour');
select from tasker.claim_task_for_finalization(:'other', 'p1', 3600);
select pg_temp.later('1 millisecond');
select is(pg_temp.swept('tasks_finalized'), 1, 'then the sweep finalizes');
select is(pg_temp.task_state(:'task'), 'complete', 'what nobody claimed');
select is(pg_temp.task_state(:'other'), 'in_progress', 'and leaves alone what somebody did');
select pg_temp.later('1 hour');
select is(pg_temp.swept('tasks_finalized'), 1, 'until that claim is over');
select results_eq('select processor_id, outcome from tasker.past_finalization_attempts',
  $$ values ('p1', 'expired') $$, 'which is said of it');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
