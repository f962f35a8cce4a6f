begin;
\ir ../fixtures.psql
select plan(8);

select pg_temp.a_template('two', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('two', '{"x": 1}',
  '{"priority": "high", "tags": ["red", "blue"], "initiator": "me", "source_system": "shop", '
  '"reason": "why not"}') as task \gset
select results_eq(format('select namespace, name, version, state, paused, priority, context, tags, '
  'initiator, source_system, reason, finalize_externally from tasker.get_task(%L)', :'task'),
  $$ values ('test', 'two', '1.0.0', 'pending', false, 'high', '{"x": 1}'::jsonb,
    '{red,blue}'::text[], 'me', 'shop', 'why not', false) $$, 'what it is');
select results_eq(format('select created_at, run_at, started_at, finished_at from '
  'tasker.get_task(%L)', :'task'),
  $$ values ('2030-01-01Z'::timestamptz, null::timestamptz, null::timestamptz, null::timestamptz)
    $$, 'when');
select results_eq(format('select total_steps, pending_steps, enqueued_steps, ready_steps, '
  'execution_status, health_status from tasker.get_task(%L)', :'task'),
  format('select total_steps, pending_steps, enqueued_steps, ready_steps, execution_status, '
    'health_status from tasker.get_task_execution_context(%L)', :'task'),
  'how it stands');

select from tasker.pause_namespace('test', 'the shop is closed');
select results_eq(format('select paused, pause_reason from tasker.get_task(%L)', :'task'),
  $$ values (true, 'the shop is closed') $$, 'paused with its namespace');
select from tasker.pause_task(:'task', 'not this one');
select results_eq(format('select paused, paused_at, pause_reason from tasker.get_task(%L)',
  :'task'),
  $$ values (true, '2030-01-01Z'::timestamptz, 'not this one') $$, 'its own pause says more');

select throws_ok(format('select * from tasker.get_task(%L)', gen_random_uuid()), 'TK002');
select throws_ok(format('select * from tasker.get_task(%L)', pg_temp.step(:'task', 'a')), 'TK002',
  null, 'a step is not a task');
select throws_ok('select * from tasker.get_task(null)', '22023');

select * from finish();
rollback;
