begin;
\ir ../fixtures.psql
select plan(35);

-- A definition whose second step is good but for p_change.
create function pg_temp.with_step (p_change jsonb) returns text language sql as $$
select format('select * from tasker.register_template(%L)',
  jsonb_build_object('name', 't', 'namespace_name', 'test', 'version', '1.0.0',
  'steps', jsonb_build_array('{"name": "first", "handler": {"callable": "f"}}'::jsonb,
                             case jsonb_typeof(p_change) when 'object'
                        then '{"name": "a", "handler": {"callable": "a"}}'::jsonb || p_change
                                                         else p_change end)))
$$;

select alike(pg_temp.refusal(pg_temp.with_step(wrong.change)), '22023: ' || wrong.detail,
  left(wrong.change::text, 60))
  from (values
    ('5'::jsonb, 'got number'),
    ('{"name": null}', 'step 2 name is null%'),
    ('{"name": "2nd"}', 'step 2 name is "2nd"%'),
    ('{"surprise": 1}', '''surprise''; known are%'),
    ('{"description": ["a"]}', 'step a description%'),
    ('{"namespace": "No"}', 'step a namespace is "No"%'),
    ('{"namespace": null}', 'step a namespace is null%'),
    ('{"handler": "a"}', 'got string'),
    ('{"handler": null}', 'got null'),
    ('{"handler": {}}', 'step a handler'),
    ('{"handler": {"callable": "a", "sql": "a.b"}}', 'step a handler'),
    ('{"handler": {"callable": ""}}', 'step a handler callable%'),
    ('{"handler": {"callable": "sql:a.b"}}', 'step a handler callable%'),
    ('{"handler": {"callable": "a\nb"}}', 'step a handler callable%'),
    ('{"handler": {"sql": "unqualified"}}', 'step a handler sql%'),
    ('{"handler": {"sql": "a.b; drop table c"}}', 'step a handler sql%'),
    ('{"handler": {"callable": "a", "initialization": [1]}}', 'got array'),
    ('{"handler": {"callable": "a", "surprise": 1}}', '''surprise''; known are%'),
    ('{"dependencies": "first"}', 'step a'),
    ('{"dependencies": null}', 'step a'),
    ('{"dependencies": [1]}', 'step a'),
    ('{"dependencies": [["first"]]}', 'step a depends on%'),
    ('{"retry": []}', 'got array'),
    ('{"retry": null}', 'got null'),
    ('{"retry": {"retries": 3}}', '''retries''; known are%'),
    ('{"retry": {"retryable": "no"}}', 'step a retry'),
    ('{"retry": {"retryable": null}}', 'step a retry'),
    ('{"retry": {"jitter": 1}}', 'step a retry'),
    ('{"retry": {"jitter": [true]}}', 'step a retry'),
    ('{"retry": {"backoff": "Linear"}}', 'step a retry backoff is "Linear"%'),
    ('{"retry": {"backoff": null}}', 'step a retry')
  ) as wrong (change, detail);

select alike(pg_temp.refusal(pg_temp.with_step('{"name": "first"}')),
  '22023: step first is defined twice', 'a step twice');
select is_empty('select from tasker.task_templates', 'no template was stored');
select is_empty('select from tasker.template_steps', 'no step was stored');
select is_empty('select from tasker.namespaces', 'no namespace was made');

select * from finish();
rollback;
