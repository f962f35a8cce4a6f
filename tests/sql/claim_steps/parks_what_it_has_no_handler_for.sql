begin;
\ir ../fixtures.psql
select plan(20);
select tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "a", "handler": {"callable": "a"}}, {"name": "b", "handler": {"callable": "b"}},
  {"name": "s", "handler": {"sql": "shop.s"}}]}');
create function pg_temp.claimed (p_handlers text[], p_limit integer default 10) returns setof text
language sql as $$
select name from tasker.claim_steps('test', 'w1', p_limit, p_handlers => p_handlers) order by name
$$;
select pg_temp.a_task('t') as task \gset

select results_eq($$ select pg_temp.claimed('{b}') $$, array['b'],
  'a worker gets what it has a handler for');
select results_eq('select handler collate "default" from tasker.parked_steps order by 1',
  array['a', 'sql:shop.s'],
  'the others wait for their handlers');
select is_empty($$ select pg_temp.queued('test_queue') $$, 'and not in the queue');
select results_eq(format('select state, attempt from pg_temp.step_states(%L) where name <> ''b''',
  :'task'),
  $$ values ('enqueued', 0), ('enqueued', 0) $$, 'no attempt is counted');
select is((select count(*) from pg_temp.history(pg_temp.step(:'task', 'a'))), 1::bigint,
  'no change is written');
select is_empty($$ select pg_temp.claimed('{b,c}') $$, 'they are not handed out to others');
select results_eq($$ select pg_temp.claimed('{sql:*}') $$, array['s'],
  'sql:* stands for all that are written in SQL');
select results_eq($$ select pg_temp.claimed('{c,a}') $$, array['a'],
  'a worker that has the handler gets it');
select is_empty('table tasker.parked_steps', 'nothing is left');
select is_empty('select from tasker.check_invariants()', 'all is well');

-- Without handlers named, any. With an empty list, none.
select pg_temp.a_task('t');
select is_empty($$ select pg_temp.claimed('{}') $$, 'no handlers, no steps');
select is((select count(*) from pg_temp.queued('test_queue')), 3::bigint,
  'and they stay in the queue');
select is_empty($$ select pg_temp.claimed('{none}') $$, 'all are parked');
select pg_temp.later('10 minutes');
select is((select affected from tasker.sweep() where action = 'messages_restored'), 0,
  'which is not lost');
select is_empty('select from tasker.check_invariants()', 'nor broken');
select results_eq('select distinct pg_temp.claimed(null, 99) order by 1', array['a', 'b', 's'],
  'who names none gets all');

-- What is cancelled does not wait.
select pg_temp.a_task('t') as cancelled \gset
select pg_temp.claimed('{none}');
select from tasker.cancel_task(:'cancelled', 'not wanted');
select is_empty('table tasker.parked_steps', 'a cancelled step waits for nobody');

-- A thousand of one handler in front of one of another.
select from tasker.create_tasks('test', 't', array_fill('{}'::jsonb, '{400}'));
select results_eq($$ select pg_temp.claimed('{s,sql:shop.s}', 1) $$, array['s'],
  'the first call finds it');
select cmp_ok((select count(*) from tasker.parked_steps), '>=', 2::bigint,
  'those before it are parked');
select is((select count(*) from pg_temp.claimed('{a}', 500)), 400::bigint,
  'and all the others are found');

select * from finish();
rollback;
