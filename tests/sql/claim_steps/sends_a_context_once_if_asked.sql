begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('fan', '{"a": [], "b": ["a"], "c": ["a"], "d": ["a"]}');
select pg_temp.a_task('fan', '{"n": 1}');
select pg_temp.a_task('fan', '{"n": 2}');
select from tasker.claim_steps('test', 'w', 9) as step,
  lateral tasker.complete_step(step_uuid, token);
select gen_random_uuid() as request \gset
create function pg_temp.seen (p_once boolean, p_request uuid default null)
returns table (name text, n integer) language sql as $$
select name, (context -> 'n')::integer
  from tasker.claim_steps('test', 'w', 9, p_request => p_request, p_context_once => p_once)
$$;

select results_eq(format('select * from pg_temp.seen(true, %L)', :'request'),
  $$ values ('b', 1), ('c', null), ('d', null), ('b', 2), ('c', null), ('d', null) $$,
  'the first row of a task has its context');
select results_eq(format('select * from pg_temp.seen(false, %L)', :'request'),
  $$ values ('b', 1), ('c', 1), ('d', 1), ('b', 2), ('c', 2), ('d', 2) $$,
  'else every row');
select results_eq(format('select * from pg_temp.seen(null, %L)', :'request'),
  format('select * from pg_temp.seen(false, %L)', :'request'), 'null is the default');

-- What is not handed out any more is not counted.
select token from tasker.claims \gset
select from tasker.complete_step(
  (select tasker._step_uuid(task_uuid, 2) from tasker.tasks order by task_id limit 1), :'token');
select results_eq(format('select * from pg_temp.seen(true, %L)', :'request'),
  $$ values ('c', 1), ('d', null), ('b', 2), ('c', null), ('d', null) $$,
  'of what is left, the first');
select pg_temp.a_task('fan', '{"n": 3}');
select results_eq(
  $$ select name, context from tasker.finish_and_claim('test', 'w', null, null, 9,
                                                       p_context_once => true) $$,
  $$ values ('a', '{"n": 3}'::jsonb) $$, 'one step has its own');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
