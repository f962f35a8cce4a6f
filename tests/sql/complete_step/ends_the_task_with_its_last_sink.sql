begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('fan', '{"a": [], "b": ["a"], "c": ["a"], "d": ["a", "b"]}');
select pg_temp.a_task('fan') as task \gset
create function pg_temp.finish (p_task uuid, variadic p_names text[]) returns text language sql
 as $$
select tasker.finish_and_claim('test', 'w1', step.claim_token,
  jsonb_agg(pg_temp.outcome(pg_temp.step(p_task, name))), 0)
  from unnest(p_names) as name join tasker.steps as step
  on step.step_id = tasker._step_id(pg_temp.step(p_task, name)) group by step.claim_token;
select state || ' ' || open_sinks from tasker.tasks where task_uuid = p_task
$$;

select is((select open_sinks from tasker.tasks), 2, 'two sinks');
select pg_temp.a_claim(9);
select is(pg_temp.finish(:'task', 'a'), 'in_progress 2', 'a step with children is none');
select pg_temp.a_claim(9);
select is(pg_temp.finish(:'task', 'c'), 'in_progress 1', 'the first sink');
select pg_temp.later('1 second');
select is(pg_temp.finish(:'task', 'b'), 'in_progress 1', 'not a sink');
select results_eq(format('select step_state, task_state from tasker.complete_step(%L, %L)',
  pg_temp.step(:'task', 'd'), pg_temp.a_claim()),
  $$ values ('complete', 'complete') $$, 'the last sink ends the task');
select is((select finished_at from tasker.tasks), tasker._now(), 'now');

-- Two tasks with several sinks each, in one batch.
select pg_temp.a_template('sinks', '{"a": [], "b": [], "c": []}');
select pg_temp.a_task('sinks') as one \gset
select pg_temp.a_task('sinks') as two \gset
select pg_temp.a_claim(6) as token \gset
select from tasker.finish_and_claim('test', 'w1', :'token', (select jsonb_agg(pg_temp.outcome(uuid))
  from (select pg_temp.step(:'one', name) from unnest('{a,b,c}'::text[]) as name union all
        select pg_temp.step(:'two', name) from unnest('{a,c}'::text[]) as name) as done (uuid)), 0);
select is((select state || ' ' || open_sinks from tasker.tasks where task_uuid = :'one'),
  'complete 0', 'three sinks at once end their task');
select is((select state || ' ' || open_sinks from tasker.tasks where task_uuid = :'two'),
  'in_progress 1', 'two of three do not');
select is(pg_temp.finish(:'two', 'b'), 'complete 0', 'the third does');

select * from finish();
rollback;
