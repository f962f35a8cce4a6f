begin;
\ir ../fixtures.psql
select plan(9);

select pg_temp.a_template('two_roots', '{"a": [], "b": [], "c": ["a", "b"]}');
select task_uuid as task, created from tasker.create_task('test', 'two_roots', '{"n": 1}') \gset

select ok(:'created', 'it was made');
select is(substr(:'task', 15, 1), '7', 'it has a uuid of version 7');
select results_eq('select task_uuid, state::text, open_sinks, context, created_at, started_at from '
  'tasker.tasks',
  format($$ values (%L::uuid, 'pending', 1, '{"n": 1}'::jsonb, tasker._now(), null::timestamptz) $$,
    :'task'), 'it is pending');
select results_eq(format('select name, state, attempt from pg_temp.step_states(%L)', :'task'),
  $$ values ('a', 'enqueued', 0), ('b', 'enqueued', 0), ('c', 'pending', 0) $$,
  'steps without parents are enqueued');
select results_eq($$ select pg_temp.queued('test_queue') $$,
  array[tasker._step_id(pg_temp.step(:'task', 'a')), tasker._step_id(pg_temp.step(:'task', 'b'))],
  'their pointers are in the queue');
select results_eq('select message from pgmq.q_test_queue order by msg_id limit 1',
  format('select jsonb_build_object(''step_id'', %s)', tasker._step_id(pg_temp.step(:'task', 'a'))),
  'and are pointers, no payload');
select results_eq(format('select pg_temp.history(%L)', :'task'), array['task created'],
  'history knows the task');
select results_eq(format('select pg_temp.history(%L)', pg_temp.step(:'task', 'b')),
  array['step pending -> enqueued'], 'and the steps');
select is_empty(format('select pg_temp.history(%L)', pg_temp.step(:'task', 'c')),
  'a step that waits has none');

select * from finish();
rollback;
