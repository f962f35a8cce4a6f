-- W9: {until: {sql: f}}: true ends the wait, false lets it go on, all else is a failed attempt.
begin;
\ir ../fixtures.psql
select plan(22);
create function pg_temp.answer (p_result jsonb) returns text language sql as $$
select answer.step_state || ' ' || step.attempt
  from tasker.claim_steps('test', 'w', p_handlers => '{sql:*}') as step
 cross join lateral tasker.complete_step(step.step_uuid, step.token, p_result) as answer
$$;
select pg_temp.gated('t', '[{"name": "a"}, {"name": "ready", "dependencies": ["a"], "wait":
  {"until": {"sql": "shop.is_ready"}, "every": "PT1M", "timeout": "PT1H"},
  "retry": {"max_attempts": 2, "backoff_base_ms": 1000, "jitter": false}},
  {"name": "z", "dependencies": ["ready"]}]');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'ready') as step \gset
select step_uuid as first, token from tasker.claim_steps('test', 'w') \gset
select from tasker.complete_step(:'first', :'token');
select is(pg_temp.ends(:'task'), 'a complete, ready enqueued, z pending', 'it is asked at once');
select is(pg_temp.answer('false'), 'waiting 1', 'false');
select is(pg_temp.answer('false'), null, 'it is not asked before its time');
select alike((select reason from tasker.explain_step(:'step')), 'waits until shop.is_ready says '
  'true since %, and asks again in 6_ s, for 60 min more, then fails', 'explain says so');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select pg_temp.later('70 seconds');
select is(pg_temp.answer('null'), 'waiting_for_retry 1', 'null is a failure, the first attempt');
select is((select last_error ->> 'message' from tasker.get_task_steps(:'task')
            where name = 'ready'), 'its condition is nothing, need true or false', 'said');
select pg_temp.later('2 seconds');
select is(pg_temp.answer('false'), 'waiting 2', 'false again, which costs no attempt');
select pg_temp.later('70 seconds');
select is(pg_temp.answer('true'), 'complete 2', 'true');
select is((select result from tasker.task_results(:'task') where name = 'ready'),
  '{"outcome": "condition", "value": null, "signals": []}', 'the result');
select is_empty('select from tasker.alarms union all select from tasker.waits', 'nothing is left');
select pg_temp.play();
select is(pg_temp.task_state(:'task'), 'complete', 'the task goes on');
select is_empty('select * from tasker.check_invariants()', 'all is well');

-- In a batch, where another step completes.
select pg_temp.gated('u', '[{"name": "a"}, {"name": "ready", "wait":
  {"until": {"sql": "shop.is_ready"}, "timeout": "PT1H", "on_timeout": "continue",
   "default": "late"}}]');
select pg_temp.a_task('u') as task \gset
select pg_temp.a_claim(2) as token \gset
select results_eq(format('select outcome, step_state from tasker.report_steps(%L, %L)', :'token',
  (select jsonb_agg(jsonb_build_object('step_uuid', pg_temp.step(:'task', name), 'result', false)
                    order by name) from unnest('{a,ready}'::text[]) as name)),
  $$ values ('applied', 'complete'), ('applied', 'waiting') $$, 'one is complete, one waits');
select is_empty('select * from tasker.check_invariants()', 'all is well');
select pg_temp.later('70 seconds');
select pg_temp.a_claim() as token \gset
select is(pg_temp.step_state(pg_temp.step(:'task', 'ready')), 'in_progress', 'asked again');
select pg_temp.later('1 hour');
select tasker.heartbeat(:'token', '1 day');
select is((select affected from tasker.sweep() where action = 'alarms_fired'), 1,
  'its time is up while somebody asks');
select is((select result from tasker.task_results(:'task') where name = 'ready'),
  '{"outcome": "timeout", "value": "late", "signals": []}', 'it goes on with its default');
select is(pg_temp.reason(format('select tasker.complete_step(%L, %L, ''true'')',
  pg_temp.step(:'task', 'ready'), :'token')), 'settled', 'who asked is fenced off');
select is(pg_temp.task_state(:'task'), 'complete', 'the task has ended');
select is_empty($$ select * from tasker.check_invariants()
  where invariant <> 'an expired claim is taken back' $$, 'all is well');
select pg_temp.later('2 days');
select tasker.sweep();
select is_empty('select from tasker.claims', 'its claim goes with its lease');

select * from finish();
rollback;
