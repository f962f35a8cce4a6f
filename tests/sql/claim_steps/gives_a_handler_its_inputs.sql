begin;
\ir ../fixtures.psql
select plan(8);
select tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "a", "handler": {"callable": "mod:a", "initialization": {"k": 1}}, "timeout_seconds": '
  '90, "retry": {"max_attempts": 5}},
  {"name": "b", "handler": {"callable": "b"}}, {"name": "c", "handler": {"sql": "shop.c"}, '
  '"dependencies": ["b", "a"]},
  {"name": "d", "handler": {"callable": "d"}, "dependencies": ["c"]}]}');
select pg_temp.a_task('t', '{"x": [1]}') as task \gset

select results_eq($$ select step_uuid, task_uuid, name, handler, attempt, max_attempts, lease_until,
  timeout, config, context, dependency_results
                       from tasker.claim_steps('test', 'w1', 1, '1 minute') $$,
  format($$ values (%L::uuid, %L::uuid, 'a', 'mod:a', 1, 5, tasker._now() + '1 minute',
    interval '90 seconds', '{"k": 1}'::jsonb, '{"x": [1]}'::jsonb, '{}'::jsonb) $$,
         pg_temp.step(:'task', 'a'), :'task'), 'everything of a first step');
select token as b_token, timeout is null as endless, config from tasker.claim_steps('test', 'w1')
  \gset
select ok(:'endless', 'a step without timeout has a null one');
select is(:'config'::jsonb, '{}', 'and an empty configuration');
select is((select state::text from tasker.tasks), 'in_progress', 'the task has begun');
select is((select started_at from tasker.tasks), tasker._now(), 'now');

select tasker.complete_step(pg_temp.step(:'task', 'a'),
  (select claim_token from tasker.steps
    where step_id = tasker._step_id(pg_temp.step(:'task', 'a'))), '{"sum": 3}');
select tasker.complete_step(pg_temp.step(:'task', 'b'), :'b_token');
select results_eq($$ select name, handler,
  dependency_results from tasker.claim_steps('test', 'w1', 10) $$,
  $$ values ('c', 'sql:shop.c', '{"a": {"sum": 3}, "b": null}'::jsonb) $$,
  'results of the parents by name, null for none');
select tasker.complete_step(pg_temp.step(:'task', 'c'), (select token from tasker.claims), '[1]');
select results_eq($$ select name, dependency_results,
  context from tasker.claim_steps('test', 'w1', 10) $$,
  $$ values ('d', '{"c": [1]}'::jsonb, '{"x": [1]}'::jsonb) $$, 'of its own parents only');
select results_eq(format('select pg_temp.history(%L)', :'task'),
  array['task created', 'task pending -> in_progress'], 'the task began once');

select * from finish();
rollback;
