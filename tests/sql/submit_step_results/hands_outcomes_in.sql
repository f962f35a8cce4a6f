begin;
\ir ../fixtures.psql
select plan(15);
select pg_temp.a_template('t', '{"good": [], "bad": [], "other": [], "next": ["good"]}',
  '{"backoff_base_ms": 9000, "jitter": false}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'good') as good, pg_temp.step(:'task', 'bad') as bad,
  pg_temp.step(:'task', 'other') as other \gset
select pg_temp.a_claim(3) as token \gset
select format('select * from tasker.submit_step_results(%L, %L)', :'token', jsonb_build_array(
  jsonb_build_object('step_uuid', :'good', 'result', 'x'),
  jsonb_build_object('step_uuid', :'bad', 'error', 'boom', 'retry_after_seconds', 3))) as call \gset

select results_eq(replace(:'call', '*', 'steps'), array[2], 'two are submitted');
select results_eq(format('select name, state from pg_temp.step_states(%L) order by name', :'task'),
  $$ values ('bad', 'in_progress'), ('good', 'in_progress'), ('next', 'pending'),
    ('other', 'in_progress') $$, 'nothing is orchestrated yet');
select is((select result from tasker.steps where step_id = tasker._step_id(:'good')), '"x"',
  'but the result stands in its row');
select results_eq('select message from pgmq.q_orchestration_step_results',
  $$ select jsonb_build_object('submission_id', submission_id) from tasker.submissions $$,
  'and a pointer in the queue');
select is((select step_ids from tasker.claims), array[tasker._step_id(:'other')],
  'the claim holds what was not named');
select pg_temp.later('31 seconds');
select from tasker._sweep_claims(9, tasker._now());
select is(pg_temp.step_state(:'good'), 'in_progress',
  'a lost lease does not touch what was submitted');
select is(pg_temp.step_state(:'other'), 'enqueued', 'only the rest');
select is_empty(:'call', 'a repeated call changes nothing');
select is((select count(*) from pgmq.q_orchestration_step_results), 1::bigint, 'and sends nothing');

select results_eq('select completed, failed, error from tasker.process_step_results()',
  $$ values (1, 1, null::text) $$, 'the second hop carries both out');
select results_eq(format('select name, state from pg_temp.step_states(%L) order by name', :'task'),
  $$ values ('bad', 'waiting_for_retry'), ('good', 'complete'), ('next', 'enqueued'),
    ('other', 'enqueued') $$, 'with what follows');
select is((select result from tasker.steps where step_id = tasker._step_id(:'good')), '"x"',
  'the result is still there');
select is((select due_at from tasker.timers), tasker._now() + interval '3 seconds',
  'the retry waits as it was asked to');
select is_empty(:'call', 'a repeated call still changes nothing');
select is_empty('select * from tasker.process_step_results()', 'there is nothing more to do');

select * from finish();
rollback;
