begin;
\ir ../fixtures.psql
select plan(10);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.a_task('pair', p_options => '{"run_at": "2030-01-02T00:00Z"}');
create function pg_temp.reason (p_after interval, p_reason text) returns text language sql as $$
select pg_temp.later(p_after);
select case when p_reason is null
then is_empty('select * from tasker.stuck_tasks', 'nothing is stuck')
            else results_eq('select reason from tasker.stuck_tasks', array[p_reason], p_reason)
            end $$;

select pg_temp.reason('10 minutes', null);
select pg_temp.reason('1 second', 'nobody has taken its enqueued steps for more than ten minutes');
select from tasker.pause_task(:'task', 'holiday');
select pg_temp.reason('1 second', 'the task is paused: holiday');
select from tasker.resume_task(:'task', 'back');
select pg_temp.a_claim(1, 'w', '1 hour') as token \gset
select pg_temp.reason('11 minutes', 'a worker has had one of its steps for more than ten minutes');
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"', true, '1 hour');
select pg_temp.reason('60 minutes', null);
select pg_temp.reason('61 seconds', 'a timer is overdue: does anybody call sweep()?');
select from tasker.sweep();
select pg_temp.reason('0 seconds', null);
update tasker.steps set state = 'pending',
  waiting_parents = 1 where step_id = tasker._step_id(pg_temp.step(:'task', 'a'));
select pg_temp.reason('11 minutes', 'nothing in it can move: see check_invariants');
select from tasker.resolve_task(:'task', 'done');

-- What an external processor is to finalize.
select pg_temp.a_template('ext', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('ext') as ext \gset
select pg_temp.run_all();
select pg_temp.reason('61 seconds',
  'all steps are done: waits for an external processor to finalize it');
select results_eq('select task_uuid, namespace, name, version, state, stuck_for from '
  'tasker.stuck_tasks',
  format($$ values (%L::uuid, 'test', 'ext', '1.0.0', 'in_progress', interval '61 s') $$, :'ext'),
  'which');

select * from finish();
rollback;
