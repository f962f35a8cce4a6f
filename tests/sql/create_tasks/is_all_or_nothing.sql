begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_template('t', '{"a": []}',
  p_more => '{"input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}');

select is(pg_temp.refusal(format('select * from tasker.create_tasks(''test'', ''t'', %L)',
  wrong.contexts)), wrong.answer, wrong.why)
  from (values
    (null::jsonb[], '22023: got null', 'null'),
    ('{}', '22023: got 0', 'no contexts'),
    (array_fill('{}'::jsonb, array[10001]), 'TK006: 10001 tasks, at most 10000',
      'too many contexts'),
    (array[array['{}'], array['{}']]::jsonb[], '22023: got [1:2][1:1]', 'a list of lists'),
    (array['{}', null]::jsonb[], '22023: context 2 is null, need an object', 'a null among them'),
    (array['{}', '[]']::jsonb[], '22023: context 2 is array, need an object', 'a list among them'),
    (array['{}', '{"n": "x"}']::jsonb[], '22023: context.n is "x", need integer',
      'one that the schema refuses')
  ) as wrong (contexts, answer, why);
select throws_ok(format('select * from tasker.create_tasks(''test'', ''t'', %L)',
  array['{}', jsonb_build_object('x', repeat('x', 1048576))]), 'TK006', null, 'one too large');
select is(pg_temp.refusal($$ select * from tasker.create_tasks('test', 't', '{"{}"}', 'null') $$),
  '22023: got null', 'null in JSON');
select throws_ok($$ select * from tasker.create_tasks(null, 't', '{"{}"}') $$, '22023', null,
  'null namespace');
select throws_ok($$ select * from tasker.create_tasks('test', null, '{"{}"}') $$, 'TK002', null,
  'null name');
select is_empty('select from tasker.tasks', 'nothing was made');

select * from finish();
rollback;
