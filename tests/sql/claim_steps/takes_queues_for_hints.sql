begin;
\ir ../fixtures.psql
select plan(10);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as task \gset
select tasker._step_id(pg_temp.step(:'task', 'a')) as id \gset

-- Forged, malformed and duplicate messages before and behind the real one.
select from unnest(array[null, '5', '[]', '{}', '{"step_id": null}', '{"step_id": "x"}',
  '{"step_id": -1}', '{"step_id": 1e300}', '{"step_id": {"a": 1}}',
                         '{"step_id": 99999999999999999999}', '{"step_id": 4398046511105}',
                        format('{"step_id": %s}', :id - 1)]) as forged,
     lateral pgmq.send('test_queue', forged::jsonb);
select pgmq.send('test_queue', jsonb_build_object('step_id', :id)) from generate_series(1, 3);
select from pgmq.send('test_queue_high', jsonb_build_object('step_id', :id));
select results_eq($$ select step_uuid, attempt from tasker.claim_steps('test', 'w1', 50) $$,
  format($$ values (%L::uuid, 1) $$, pg_temp.step(:'task', 'a')),
  'the step is handed out once');
select is_empty($$ select from tasker.claim_steps('test', 'w2', 50) $$, 'and not again');
select is_empty($$ select pg_temp.queued('test_queue') union all
  select pg_temp.queued('test_queue_high') $$, 'the messages are gone');
select token from tasker.claims \gset

-- A message for a step that is running, or finished, is nothing.
select from pgmq.send('test_queue', jsonb_build_object('step_id', :id));
select is_empty($$ select from tasker.claim_steps('test', 'w2', 50) $$,
  'a running step is not handed out');
select tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select from pgmq.send('test_queue', jsonb_build_object('step_id', :id));
select is_empty($$ select from tasker.claim_steps('test', 'w2', 50) $$, 'nor is a finished one');
select is(pg_temp.task_state(:'task'), 'complete', 'which stays so');

-- Messages hidden by somebody's read, an emptied queue, no queue at all.
select pg_temp.a_task('t');
select from pgmq.read('test_queue', 3600, 10);
select is((select count(*) from tasker.claim_steps('test', 'w1', 5)), 1::bigint,
  'a hidden message still moves');
select pg_temp.a_task('t');
select from pgmq.purge_queue('test_queue');
select is_empty($$ select from tasker.claim_steps('test', 'w1', 5) $$, 'a purged queue is empty');
select from pgmq.drop_queue('test_queue');
select is_empty($$ select from tasker.claim_steps('test', 'w1', 5) $$,
  'and so is one that was dropped');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select is((select count(*) from tasker.claim_steps('test', 'w1', 5)), 1::bigint,
  'until the sweep has repaired it');

select * from finish();
rollback;
