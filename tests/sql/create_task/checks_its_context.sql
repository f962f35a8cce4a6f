begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('t', '{"a": []}',
  p_more => '{"input_schema": {"type": "object", "required": ["qty"], "properties": {"qty": '
  '{"type": "integer", "minimum": 1}}}}');
select pg_temp.a_template('free', '{"a": []}');

select alike(pg_temp.refusal(format('select * from tasker.create_task(''test'', ''t'', %L)',
  wrong.context)), '22023: ' || wrong.detail, left(wrong.context, 40))
  from (values ('{}', '%qty%'), ('{"qty": "x"}', 'context.qty is "x", need integer'),
    ('{"qty": 0}', 'context.qty is 0%'), ('{"qty": null}', 'context.qty is null%'),
               ('[]', 'context 1 is array, need an object'),
               ('5', 'context 1 is number, need an object'),
               ('null', 'context 1 is null, need an object'),
               ('""', 'context 1 is string, need an object')) as wrong (context, detail);
select lives_ok($$ select * from tasker.create_task('test', 't', '{"qty": 1, "more": [1]}') $$,
  'what the schema asks for');
select lives_ok($$ select * from tasker.create_task('test', 'free', '{"qty": "x"}') $$,
  'without a schema every object will do');

select alike(pg_temp.refusal(format('select * from tasker.create_task(''test'', ''free'', %L)',
  jsonb_build_object('x', repeat('x', 1048576)))),
  'TK006: % bytes, at most 1048576', 'over 1 MiB');
select lives_ok(format('select * from tasker.create_task(''test'', ''free'', %L)',
  jsonb_build_object('x', repeat('x', 1048500))), 'just under');
select throws_ok($$ select * from tasker.create_task('test', 'free', '{"x": "\u0000"}') $$, '22P05',
  null, 'PostgreSQL itself refuses a NUL');
select is((select count(*) from tasker.tasks), 3::bigint, 'the refused ones made nothing');

select * from finish();
rollback;
