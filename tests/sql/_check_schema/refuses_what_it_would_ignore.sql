begin;
\ir ../fixtures.psql
select plan(40);

select is(pg_temp.refusal(format('select tasker._check_schema(%L, ''input_schema'')',
  wrong.schema)), '22023: ' || wrong.detail, wrong.schema)
  from (values
    ('[]', 'input_schema is array, need an object'),
    ('true', 'input_schema is boolean, need an object'),
    ('{"oneOf": []}', 'input_schema: "oneOf" is not supported'),
    ('{"properties": {"a": {"$ref": "#"}}}', 'input_schema.properties.a: "$ref" is not supported'),
    ('{"items": {"contains": {}}}', 'input_schema.items: "contains" is not supported'),
    ('{"additionalProperties": {"not": {}}}',
      'input_schema.additionalProperties: "not" is not supported'),
    ('{"items": []}', 'input_schema: "items" must be a schema'),
    ('{"items": {"items": 1}}', 'input_schema.items: "items" must be a schema'),
    ('{"properties": []}', 'input_schema: "properties" must be an object of schemas'),
    ('{"properties": {"a": 1}}', 'input_schema.properties.a is number, need an object'),
    ('{"additionalProperties": "no"}',
      'input_schema: "additionalProperties" must be true, false or a schema'),
    ('{"required": "a"}', 'input_schema: "required" must be an array of property names'),
    ('{"required": ["a", 1]}', 'input_schema: "required" must be an array of property names'),
    ('{"required": [["a"]]}', 'input_schema: "required" must be an array of property names'),
    ('{"enum": []}', 'input_schema: "enum" must be an array with at least one value'),
    ('{"enum": 1}', 'input_schema: "enum" must be an array with at least one value'),
    ('{"minimum": "1"}', 'input_schema: "minimum" must be a number'),
    ('{"exclusiveMaximum": true}', 'input_schema: "exclusiveMaximum" must be a number'),
    ('{"multipleOf": 0}', 'input_schema: "multipleOf" must be a number greater than 0'),
    ('{"multipleOf": "2"}', 'input_schema: "multipleOf" must be a number greater than 0'),
    ('{"multipleOf": true}', 'input_schema: "multipleOf" must be a number greater than 0'),
    ('{"minLength": true}', 'input_schema: "minLength" must be a whole number, at least 0'),
    ('{"maxItems": {}}', 'input_schema: "maxItems" must be a whole number, at least 0'),
    ('{"minLength": -1}', 'input_schema: "minLength" must be a whole number, at least 0'),
    ('{"maxItems": 1.5}', 'input_schema: "maxItems" must be a whole number, at least 0'),
    ('{"uniqueItems": 1}', 'input_schema: "uniqueItems" must be true or false'),
    ('{"pattern": 1}', 'input_schema: "pattern" must be a string'),
    ('{"pattern": "(a)\\1"}', 'input_schema: "pattern" must not refer back to a group (\1)')
  ) as wrong (schema, detail);
select alike(pg_temp.refusal(format('select tasker._check_schema(%L, ''s'')', wrong.schema)),
  wrong.detail, wrong.schema)
  from (values
    ('{"type": "text"}', '22023: s: "type" must be string, number,%'),
    ('{"type": []}', '22023: s: "type" must be %'),
    ('{"type": ["string", ["null"]]}', '22023: s: "type" must be %'),
    ('{"type": [["string"]]}', '22023: s: "type" must be %'),
    ('{"type": null}', '22023: s: "type" must be %'),
    ('{"type": {"string": 1}}', '22023: s: "type" must be %'),
    ('{"pattern": "("}', '22023: s: "pattern" is not a regular expression: %'),
    ('{"pattern": "((x{1,255}){1,255}){1,255}"}',
      '22023: s: "pattern" is not a regular expression: %too complex'),
    (jsonb_build_object('pattern', repeat('x', 501))::text,
      '22023: s: "pattern" must have at most 500 characters'),
    (repeat('{"items": ', 32) || '{}' || repeat('}', 32), '22023: s.items.%: nested deeper than 32')
  ) as wrong (schema, detail);

select is(pg_temp.refusal($$
  select pg_temp.a_template('t', '{"a": []}', p_more => '{"input_schema": {"anyOf": []}}') $$),
  '22023: input_schema: "anyOf" is not supported', 'at registration');
select is_empty('select from tasker.task_templates', 'nothing is stored');

select * from finish();
rollback;
