-- W10: a handler sleeps: its claim is let go, its attempt does not count.
begin;
\ir ../fixtures.psql
select plan(20);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset
select results_eq(format('select task_uuid, step_state, due_at, repeated from '
  'tasker.sleep_step(%L, %L, %L)', :'step', :'token', '1 hour'),
  format($$ values (%L::uuid, 'waiting', timestamptz '2030-01-01T01:00Z', false) $$, :'task'),
  'it sleeps');
select is((select array_agg(attempt) from pg_temp.step_states(:'task')), '{0}', 'no attempt');
select is_empty('select from tasker.claims', 'no claim');
select is((select kind from tasker.waits), 'sleep', 'a wait');
select alike((select reason from tasker.explain_step(:'step')),
  'sleeps, for 60 min more; then its handler is called again', 'explain says so');
select is_empty('select * from tasker.check_invariants()', 'all is well');
prepare again as select from tasker.sleep_step(:'step', :'token', '1 hour');
select throws_ok('again', 'TK009', null, 'the same call again');
select is((select repeated from tasker.sleep_step(:'step', :'token', '1 hour', p_repeat => true)),
  true, 'may be allowed');
select throws_ok(format('select tasker.complete_step(%L, %L)', :'step', gen_random_uuid()),
  'TK001', null, 'another token');
select is(pg_temp.reason(format('select tasker.fail_step(%L, %L, ''"no"'')', :'step', :'token')),
  'finished', 'its own, for something else');
select pg_temp.later('1 hour');
select is((select attempt from tasker.claim_steps('test', 'w')), 1, 'then it is called again');
select is_empty('select from tasker.waits', 'and waits no more');
select results_eq(format('select * from pg_temp.history(%L)', :'step'), $$ values
  ('step pending -> enqueued'), ('step enqueued -> in_progress'), ('step in_progress -> waiting'),
  ('step waiting -> enqueued'), ('step enqueued -> in_progress') $$, 'history');
select is((select repeated from tasker.sleep_step(:'step', :'token', '1 hour', p_repeat => true)),
  true, 'even now the first claim is answered');

-- As an outcome, and hurried by an operator.
select token from tasker.claims \gset
select is((select array_agg(outcome) from tasker.report_steps(:'token',
  jsonb_build_array(jsonb_build_object('step_uuid', :'step', 'again_after_seconds', 60)))),
  '{applied}', 'an outcome');
select is((select step_state from tasker.retry_step(:'step', 'why')), 'enqueued', 'hurried');
select is_empty('select from tasker.waits union all select from tasker.timers', 'nothing is left');
select is_empty('select * from tasker.check_invariants()', 'all is well');

-- What sleeps too often fails for good.
select from tasker.set_limit('sleeps_per_step', 100, 'a test');
do $$
declare v_step record;
begin
  for i in 1 .. 99 loop
    select step_uuid, token into v_step from tasker.claim_steps('test', 'w');
    perform tasker.sleep_step(v_step.step_uuid, v_step.token, '1 second');
    perform pg_temp.later('1 second');
  end loop;
end $$;
select is(pg_temp.step_state(:'step'), 'error', 'too often');
select is((select error ->> 'code' from tasker.task_results(:'task')), 'TK006', 'said');

select * from finish();
rollback;
