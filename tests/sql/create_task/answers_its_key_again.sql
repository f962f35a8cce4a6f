begin;
\ir ../fixtures.psql
select plan(10);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_template('u', '{"a": []}');
select pg_temp.a_template('t', '{"a": []}', p_namespace => 'other');
select pg_temp.a_task('t', '{"n": 1}', '{"idempotency_key": "k"}') as task \gset

select results_eq($$ select task_uuid,
  created from tasker.create_task('test', 't', '{"n": 1}', '{"idempotency_key": "k"}') $$,
  format('values (%L::uuid, false)', :'task'), 'the same task');
select results_eq($$ select task_uuid,
  created from tasker.create_task('test', 't', '{"n": 1.0}',
    '{"idempotency_key": "k", "priority": "high"}') $$,
  format('values (%L::uuid, false)', :'task'),
  'an equal context is the same, and options do not count');
select alike(pg_temp.refusal($$ select *
  from tasker.create_task('test', 't', '{"n": 2}', '{"idempotency_key": "k"}') $$),
  'TK008: key ''k'' made task ' || :'task', 'another context is refused');
select is((select count(*) from tasker.tasks), 1::bigint, 'there is one task');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'and one message');

-- A key is one within the name of a template.
select ok((select created
  from tasker.create_task('test', 'u', '{"n": 2}', '{"idempotency_key": "k"}')),
  'another template is another task');
select ok((select created
  from tasker.create_task('other', 't', '{"n": 2}', '{"idempotency_key": "k"}')),
  'another namespace, too');
select ok((select created
  from tasker.create_task('test', 't', '{"n": 1}', '{"idempotency_key": "K"}')),
  'another key, too');

-- A newer version is not another task, unless it is asked for.
select pg_temp.a_template('t', '{"a": [], "b": []}', p_more => '{"version": "2.0.0"}');
select results_eq($$ select task_uuid,
  created from tasker.create_task('test', 't', '{"n": 1}', '{"idempotency_key": "k"}') $$,
  format('values (%L::uuid, false)', :'task'), 'a newer version changes nothing');
select throws_ok($$ select *
  from tasker.create_task('test', 't', '{"n": 1}', '{"idempotency_key": "k", "version": "2.0.0"}')
  $$, 'TK008', null,
  'asking for it with the old key is refused');

select * from finish();
rollback;
