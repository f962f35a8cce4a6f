begin;
\ir ../fixtures.psql
select plan(40);

select is(tasker._schema_problem(test.schema, test.value, 'context'), test.problem,
  format('%s in %s', test.value, test.schema))
  from (values
    ('{}'::jsonb, '1'::jsonb, null),
    ('{"type": "string"}', '"x"', null),
    ('{"type": "string"}', '1', 'context is 1, need string'),
    ('{"type": ["integer", "null"]}', 'null', null),
    ('{"type": ["integer", "null"]}', '"x"', 'context is "x", need integer or null'),
    ('{"type": "integer"}', '3.0', null),
    ('{"type": "integer"}', '3.5', 'context is 3.5, need integer'),
    ('{"type": "number"}', '3.5', null),
    ('{"type": "boolean"}', '"true"', 'context is "true", need boolean'),
    ('{"type": "array"}', '{}', 'context is {}, need array'),
    ('{"type": "object"}', '[]', 'context is [], need object'),
    ('{"const": {"a": 1}}', '{"a": 1.0}', null),
    ('{"const": 1}', '2', 'context is 2, need 1'),
    ('{"enum": [1, "two", null]}', 'null', null),
    ('{"enum": [[1, 2]]}', '1', 'context is 1, need one of [[1, 2]]'),
    ('{"minimum": 1}', '1', null),
    ('{"minimum": 1}', '0.5', 'context is 0.5, need at least 1'),
    ('{"maximum": 1}', '1', null),
    ('{"maximum": 1}', '1.5', 'context is 1.5, need at most 1'),
    ('{"exclusiveMinimum": 1}', '1', 'context is 1, need more than 1'),
    ('{"exclusiveMaximum": 1}', '1', 'context is 1, need less than 1'),
    ('{"multipleOf": 0.1}', '0.3', null),
    ('{"multipleOf": 0.1}', '0.35', 'context is 0.35, need a multiple of 0.1'),
    ('{"minimum": 1}', '"text is not a number"', null),
    ('{"minLength": 2}', '"x"', 'context has 1 characters, need at least 2'),
    ('{"maxLength": 2}', '"äöü"', 'context has 3 characters, need at most 2'),
    ('{"pattern": "b"}', '"abc"', null),
    ('{"pattern": "^b"}', '"abc"', 'context is "abc", need a match of ^b'),
    ('{"minItems": 1}', '[]', 'context has 0 items, need at least 1'),
    ('{"maxItems": 1}', '[1, 2]', 'context has 2 items, need at most 1'),
    ('{"uniqueItems": true}', '[1, 1.0]', 'context has an item twice'),
    ('{"uniqueItems": false}', '[1, 1]', null),
    ('{"items": {"type": "string"}}', '["a", "b", 3]', 'context[2] is 3, need string'),
    ('{"required": ["a"]}', '{"b": 1}', 'context.a is missing'),
    ('{"properties": {"a": {"type": "string"}}}', '{"a": 1, "b": 2}',
      'context.a is 1, need string'),
    ('{"properties": {"a": {}}, "additionalProperties": false}', '{"a": 1, "b": 2}',
      'context.b is not allowed'),
    ('{"properties": {"a": {}}, "additionalProperties": {"type": "string"}}', '{"a": 1, "b": 2}',
      'context.b is 2, need string'),
    ('{"properties": {"a": {"items": {"properties": {"b": {"const": 1}}}}}}',
      '{"a": [{"b": 1}, {"b": 2}]}', 'context.a[1].b is 2, need 1')
  ) as test (schema, value, problem);

-- Where it meets the world.
select pg_temp.a_template('order', '{"a": []}',
  p_more => '{"input_schema": {"type": "object", "required": ["id"], "properties": {"qty": '
  '{"type": "integer"}}}}');
select is(pg_temp.refusal($$
  select tasker.create_task('test', 'order', '{"id": 1, "qty": "x"}') $$),
  '22023: context.qty is "x", need integer', 'refused');
select lives_ok($$ select tasker.create_task('test', 'order', '{"id": 1, "qty": 3}') $$,
  'accepted');

select * from finish();
rollback;
