begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('t', '{"a": []}',
  '{"backoff_base_ms": 20000, "jitter": false, "max_attempts": 2}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
prepare explain as select code, blocks, reason, since, until, who,
  cure from tasker.explain_step(:'a');
prepare brief as select code, blocks, reason from tasker.explain_step(:'a');

select pg_temp.later('90 seconds');
select results_eq('brief',
  $$ values ('no_worker', false,
    'queued for 90 s; no live worker serves namespace test (no runner was seen within a day)') $$,
    'nobody serves it');
select from tasker.await_work('{test}', 'idle');
select results_eq('brief',
  $$ values ('queued', false, 'queued for 90 s; 1 worker serves namespace test') $$,
  'an idle worker is a worker');
select from pgmq.purge_queue('test_queue');
select results_eq('brief',
  $$ values ('message_lost', true, 'its message is lost; the sweep restores it within seconds') $$,
  'the message is lost');
select from pgmq.drop_queue('test_queue');
select results_eq('brief',
  $$ values ('message_lost', true,
    'queue test_queue was dropped; the sweep restores it within seconds') $$, 'or its queue');
select from tasker.sweep();

select pg_temp.a_claim(1, 'w3') as token \gset
select pg_temp.later('10 seconds');
select results_eq('explain',
  $$ values ('running', true, 'attempt 1 of 2 has run at w3 for 10 s; its lease ends in 20 s',
  tasker._now() - interval '10 seconds', tasker._now() + interval '20 seconds', 'w3',
  null::text) $$, 'a worker has it');
select from tasker.heartbeat(:'token', '11 minutes');
select pg_temp.later('591 seconds');
select results_eq('select cure from tasker.explain_step(' || quote_literal(:'a') || ')',
  array[format('select * from tasker.requeue_step(%L, ''<why>'')', :'a')], 'for too long');
select from tasker.heartbeat(:'token', '20 seconds');
select pg_temp.later('24 seconds');
select results_eq('explain',
  $$ values ('lease_expired', true,
    'the lease of w3 ended 4 s ago; the next sweep takes the step back',
  tasker._now() - interval '4 seconds', null::timestamptz, 'w3', 'select * from tasker.sweep()') $$,
  'had it');
select from tasker.submit_step_results(:'token',
  jsonb_build_array(jsonb_build_object('step_uuid', :'a', 'error',
    jsonb_build_object('type', 'Lost', 'message', E'no\nluck'))));
select results_eq('brief',
  $$ values ('submitted', true,
    'the outcome of attempt 1 of 2 was submitted 0 s ago and waits to be processed') $$,
    'has handed its outcome in');
select from tasker.process_step_results();
select results_eq('explain',
  format($$ values ('retry_scheduled', true,
    'attempt 1 of 2 failed: Lost: no luck; the next one is due in 20 s',
  tasker._now(), tasker._now() + interval '20 seconds', 'w3',
  'select * from tasker.retry_step(''%s'', ''<why>'')') $$, :'a'), 'it will be tried again');
select pg_temp.later('23 seconds');
select results_eq('brief',
  $$ values ('due', true, 'due since 3 s; the next sweep or an idle worker enqueues it') $$, 'now');
select from tasker.sweep();
select pg_temp.a_claim(1, 'w4') as token \gset
select from tasker.fail_step(:'a', :'token', '"once more"');
select results_eq('explain',
  format($$ values ('failed', true, 'attempt 2 of 2 failed: once more', tasker._now(),
    null::timestamptz, 'w4',
  'select * from tasker.retry_step(''%s'', ''<why>'')') $$, :'a'), 'it has failed for good');
select from tasker.complete_step_manually(:'a', '1', 'by hand');
select results_eq('explain',
  $$ values ('ended', true, 'it is complete', tasker._now(), null::timestamptz, null::text,
    null::text) $$, 'it has ended');

select is(pg_temp.refusal('select tasker.explain_step(null)'), '22023: p_step_uuid is null',
  'a step');
select alike(pg_temp.refusal('select tasker.explain_step(gen_random_uuid())'), 'TK002: step %',
  'that exists');

select * from finish();
rollback;
