begin;
\ir ../fixtures.psql
select plan(25);

-- A good definition with one thing changed; null takes the key away.
create function pg_temp.with_change (p_key text, p_value jsonb) returns text language sql as $$
select format('select * from tasker.register_template(%L)', case when p_value is null
  then good - p_key else good || jsonb_build_object(p_key, p_value) end)
  from (values ('{"name": "t", "namespace_name": "new_one", "version": "1.0.0",
                  "steps": [{"name": "a", "handler": {"callable": "a"}}]}'::jsonb))
                  as definition (good)
$$;

select alike(pg_temp.refusal(pg_temp.with_change(wrong.key, wrong.value)),
  '22023: ' || wrong.detail,
             format('%s = %s', wrong.key, coalesce(left(wrong.value::text, 40), 'nothing')))
  from (values
    ('name', null, 'name is needed'),
    ('name', '"1"'::jsonb, 'name is "1"%'),
    ('name', '"a b"', 'name is "a b"%'),
    ('name', '"a\n"', 'name is "a%'),
    ('name', to_jsonb(repeat('a', 101)), 'name is%'),
    ('name', 'null', 'name is null%'),
    ('namespace_name', null, 'namespace_name is needed'),
    ('namespace_name', '"New"', 'namespace_name is "New"%'),
    ('namespace_name', to_jsonb(repeat('n', 33)), 'namespace_name is%'),
    ('namespace_name', '"x; drop schema tasker"', 'namespace_name is%'),
    ('version', null, 'version is needed'),
    ('version', '"1.0"', 'version is "1.0"%'),
    ('version', '1', 'version is 1,%'),
    ('version', '"1.0.1234567890"', 'version is%'),
    ('description', '5', 'description is 5,%'),
    ('description', to_jsonb(repeat('d', 2001)), 'description is%'),
    ('finalization', '"later"', 'finalization is "later"%'),
    ('surprise', '1', '''surprise''; known are%'),
    ('input_schema', '{"type": "nonsense"}', 'input_schema%'),
    ('steps', null, 'steps is needed'),
    ('steps', '{}', 'got object'),
    ('steps', '[]', 'got array')
  ) as wrong (key, value, detail);

select is(pg_temp.refusal('select * from tasker.register_template(null)'), '22023: got nothing',
  'null');
select is(pg_temp.refusal('select * from tasker.register_template(''[]'')'), '22023: got array',
  'an array');
select is_empty('select name from tasker.task_templates union all select name from '
  'tasker.namespaces', 'nothing was stored');

select * from finish();
rollback;
