begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('t', '{"a": [], "b": [], "c": [], "d": ["a", "b", "c"]}',
  '{"max_attempts": 1}');
select pg_temp.a_task('t') as task \gset
prepare explain as select rank, code, blocks, steps, reason,
  cause_uuid from tasker.explain_task(:'task');

select results_eq('explain',
  format($$ values (1, 'no_worker', false, 3,
    'a: queued for 0 s; no live worker serves namespace test (no runner was seen within a day)',
    %L::uuid) $$,
  pg_temp.step(:'task', 'a')), 'three steps, one reason');
create temp table held as select name, step_uuid, token from tasker.claim_steps('test', 'w1', 2);
select from held, tasker.fail_step(step_uuid, token, '"no"') where name = 'b';
select results_eq('explain', format($$ values
  (1, 'failed', true, 1, 'b: attempt 1 of 1 failed: no', %L::uuid),
  (2, 'running', true, 1, 'a: attempt 1 of 1 has run at w1 for 0 s; its lease ends in 30 s', %L),
  (3, 'queued', false, 1, 'c: queued for 0 s; 1 worker serves namespace test', %L) $$,
  pg_temp.step(:'task', 'b'), pg_temp.step(:'task', 'a'), pg_temp.step(:'task', 'c')),
  'what blocks first');
select from tasker.pause_task(:'task', 'wait');
select is((select code from tasker.explain_task(:'task') where blocks and rank = 2), 'task_paused',
  'pauses too');
select from tasker.cancel_task(:'task', 'enough');
select results_eq('explain',
  format($$ values (1, 'failed', true, 1, 'b: attempt 1 of 1 failed: no', %L::uuid),
    (2, 'ended', true, null::integer, 'it is cancelled', %L) $$,
  pg_temp.step(:'task', 'b'), :'task'), 'it has ended');

-- Finalized from outside.
select pg_temp.a_template('x', '{"a": []}', p_more => '{"finalization": "external"}');
select pg_temp.a_task('x') as task \gset
select pg_temp.run_all();
select results_eq(format('select code, reason, cure from tasker.explain_task(%L)', :'task'),
  format($$ values ('unfinalized',
    'nothing is left to run; it waits for a processor to finalize it',
    'select * from tasker.finalize_task(''%s'')') $$, :'task'), 'it waits for a processor');
select from tasker.claim_task_for_finalization(:'task', 'p7');
select pg_temp.later('4 seconds');
select results_eq(format('select code, reason, who from tasker.explain_task(%L)', :'task'),
  $$ values ('unfinalized', 'p7 is finalizing it since 4 s', 'p7') $$, 'who is at it');

select is(pg_temp.refusal('select tasker.explain_task(null)'), '22023: p_task_uuid is null',
  'a task');
select alike(pg_temp.refusal('select tasker.explain_task(gen_random_uuid())'), 'TK002: task %',
  'that exists');

select * from finish();
rollback;
