begin;
\ir ../fixtures.psql
select plan(13);
-- The second line of defence: the claim still names a step, but the step's own row holds another
-- token.
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select pg_temp.a_claim() as token \gset
select pg_temp.outcomes(pg_temp.outcome(:'a')) as done,
  jsonb_build_array(jsonb_build_object('step_uuid', :'a', 'error', 1)) as failed \gset
update tasker.steps set claim_token = gen_random_uuid() returning claim_token as other \gset

select is(pg_temp.refusal(format(call, :'a', :'token', :'done', :'failed')),
  format('TK001: %s is in_progress, attempt 1', :'a'), call)
  from unnest(array['select * from tasker.complete_step(%1$L, %2$L)',
    'select * from tasker.fail_step(%1$L, %2$L, ''1'')',
                    'select * from tasker.finish_and_claim(''test'', ''w1'', %2$L, %3$L)',
                    'select * from tasker.finish_and_claim(''test'', ''w1'', %2$L, %4$L)',
                    'select * from tasker.submit_step_results(%2$L, %3$L)',
                    'select * from tasker.submit_step_results(%2$L, %4$L)']) as call;
select results_eq(format('select cancelled_step_uuids from tasker.heartbeat(%L)', :'token'),
  format('select array[%L::uuid]', :'a'), 'a heartbeat says that it was taken away');
select is_empty(format('select * from tasker._claim_rows(%L, tasker._now(), '
  'array[tasker._step_id(%L)], tasker._now())', :'token', :'a'),
  'it is not shown to its old holder');
insert into tasker.submissions (token, worker, step_ids, failures, submitted_at)
 values (:'token', 'w1', array[tasker._step_id(:'a')], '[]', tasker._now());
select results_eq('select done.* from tasker.submissions, '
  'tasker._process_submission(submission_id, tasker._now()) as done', $$ values (0, 0) $$,
  'a submission leaves it out');
select is_empty(format('select * from tasker.release_claim(%L)', :'token'),
  'it cannot be given back');

select results_eq('select state::text, claim_token, attempt, result is null from tasker.steps',
  format($$ values ('in_progress', %L::uuid, 1::smallint, true) $$, :'other'),
  'nothing of all this has touched it');
select is_empty('select from tasker.step_failures', 'it did not fail');
select is_empty($$ select pg_temp.queued('test_queue') $$, 'and is in no queue');

select * from finish();
rollback;
