begin;
\ir ../fixtures.psql
select plan(12);

select is(tasker._schema_fault(schema, 'input_schema', 1), null, left(schema::text, 80))
  from unnest(array[
    '{}',
    '{"type": "object", "required": ["a"], "properties": {"a": {"type": ["integer", "null"]}}, '
    '"additionalProperties": false}',
    '{"$schema": "x", "$id": "y", "title": 1, "description": "z", "default": {}, "examples": []}',
    '{"items": {"type": "string", "format": "email"}}',
    '{"enum": [1, "two", null], "const": {"a": []}}',
    '{"minimum": 1, "maximum": 1e300, "exclusiveMinimum": -1.5, "exclusiveMaximum": 2, '
    '"multipleOf": 0.01}',
    '{"minLength": 0, "maxLength": 30.0, "pattern": "^[a-z]+$", "minItems": 1, "maxItems": 2, '
    '"uniqueItems": true}',
    '{"additionalProperties": true}',
    '{"pattern": "\\\\1"}',
    '{"items": {"additionalProperties": {"items": {"type": "string"}}}}'
  ]::jsonb[]) as schema;
select lives_ok('select tasker._check_schema(null, ''input_schema''), '
  'tasker._check_schema(''null'', ''input_schema'')', 'no schema');
select is(tasker._schema_fault((repeat('{"items": ', 31) || '{}' || repeat('}', 31))::jsonb,
  'input_schema', 1), null, '32 deep');

select * from finish();
rollback;
