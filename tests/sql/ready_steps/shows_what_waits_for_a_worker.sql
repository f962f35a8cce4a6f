begin;
\ir ../fixtures.psql
select plan(4);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair', p_options => '{"priority": "low"}') as task \gset
select pg_temp.later('7 seconds');
select results_eq('select step_uuid, task_uuid, namespace, task_name, version, name, handler, '
  'priority, attempt, max_attempts, enqueued_at, waited, paused from tasker.ready_steps',
  format($$ values (%L::uuid, %L::uuid, 'test', 'pair', '1.0.0', 'a', 'a', 'low', 1, 3,
    '2030-01-01Z'::timestamptz, interval '7 s', false) $$,
         pg_temp.step(:'task', 'a'), :'task'), 'the first step');
select from tasker.pause_template('test', 'pair', 'wait');
select results_eq('select paused from tasker.ready_steps', array[true], 'which nobody gets now');
select from tasker.resume_template('test', 'pair', 'go on');
select pg_temp.a_claim();
select is_empty('select * from tasker.ready_steps', 'it is claimed');

-- A step that another namespace's workers do.
select from tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [{"name": "a", "handler": {"callable": "x"}, "namespace": "bank"}]}');
select pg_temp.a_task('t');
select results_eq('select namespace from tasker.ready_steps', array['bank'],
  'the bank has to do it');

select * from finish();
rollback;
