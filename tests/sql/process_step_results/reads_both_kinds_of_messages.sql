begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('t', '{"a": [], "b": ["a"]}', '{"max_attempts": 1}');
select pg_temp.a_task('t') as one \gset
select pg_temp.a_task('t') as two \gset
select pg_temp.a_task('t') as three \gset
select pg_temp.a_claim(1, 'w1') as token1, pg_temp.a_claim(1, 'w2') as token2,
  pg_temp.a_claim(1, 'w3') as token3 \gset
create function pg_temp.message (p_token uuid, p_task uuid, p_more text) returns jsonb language sql
 as $$
select jsonb_build_object('token', p_token, 'outcomes',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(p_task, 'a')) || p_more::jsonb))
$$;

select from tasker.submit_step_results(:'token1',
  pg_temp.message(:'token1', :'one', '{"result": 1}') -> 'outcomes');
select from pgmq.send('orchestration_step_results',
  pg_temp.message(:'token2', :'two', '{"result": 2}'));
select from pgmq.send('orchestration_step_results',
  pg_temp.message(:'token2', :'two', '{"result": "again"}'));
select from pgmq.send('orchestration_step_results',
  pg_temp.message(:'token3', :'three', '{"error": "boom"}'));

select results_eq('select completed, failed, error from tasker.process_step_results(2)',
  $$ values (1, 0, null::text), (1, 0, null) $$, 'as many as asked for, oldest first');
select results_eq('select completed, failed, error from tasker.process_step_results(2)',
  $$ values (0, 0, null::text), (0, 1, null) $$, 'a message that comes twice counts once');
select is((select result from tasker.steps
  where step_id = tasker._step_id(pg_temp.step(:'two', 'a'))), '2', 'the first result stays');
select is(pg_temp.step_state(pg_temp.step(:'one', 'b')), 'enqueued', 'what follows the first');
select is(pg_temp.step_state(pg_temp.step(:'two', 'b')), 'enqueued', 'the second');
select is(pg_temp.task_state(:'three'), 'error', 'and the third');
select results_eq('select distinct actor from tasker._changes where change in (''step in_progress '
  '-> complete'', ''step in_progress -> error'') order by 1', '{w1,w2,w3}'::text[],
  'history names the workers');
select from tasker.process_step_results();
select is_empty('select * from tasker.process_step_results()', 'then there is nothing to do');
select is_empty('select from tasker.submissions union all select from tasker.claims union all '
  'select from tasker.rejected_messages', 'and nothing is left behind');

select results_eq('select pg_temp.refusal(format(''select * from '
  'tasker.process_step_results(%L)'', wrong)) from unnest(array[-1, 0, 1001]) as wrong',
  array['22023: got -1, need 1 to 1000', '22023: got 0, need 1 to 1000',
    '22023: got 1001, need 1 to 1000'], 'the limit is guarded');
select from pgmq.drop_queue('orchestration_step_results');
select is_empty('select * from tasker.process_step_results()', 'a queue that was dropped is empty');

select * from finish();
rollback;
