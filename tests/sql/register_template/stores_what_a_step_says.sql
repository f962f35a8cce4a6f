begin;
\ir ../fixtures.psql
select plan(8);

select tasker.register_template(jsonb_build_object('name', 'Some.thing-1_x', 'namespace_name',
  'test', 'version', '10.20.30', 'description', repeat('d', 2000),
  'metadata', '{"any": ["thing"]}'::jsonb, 'input_schema', '{"type": "object"}'::jsonb,
  'finalization', 'external', 'steps', '[
  {"name": "bare", "handler": {"callable": "bare"}},
  {"name": "full", "description": "two\nlines", "handler": {"callable": "pkg.mod:fn", '
  '"initialization": {"k": [1]}}, "dependencies": ["bare"],
   "retry": {"retryable": true, "max_attempts": 7, "backoff": "fibonacci", "backoff_base_ms": 20, '
   '"max_backoff_ms": 500, "jitter": false}, "timeout_seconds": 9},
  {"name": "once", "handler": {"sql": "shop.reserve"}, "retry": {"retryable": false, '
  '"max_attempts": 5}}]'::jsonb));

select results_eq('select name, handler, config, max_attempts::integer, timeout_seconds from '
  'tasker.template_steps order by name',
  $$ values ('bare', 'bare', '{}'::jsonb, 3, null), ('full', 'pkg.mod:fn', '{"k": [1]}', 7, 9),
    ('once', 'sql:shop.reserve', '{}', 1, null) $$,
  'handlers; what is not retryable has one attempt');
select results_eq('select name, backoff, backoff_base_ms, max_backoff_ms, jitter from '
  'tasker.template_steps order by name',
  $$ values ('bare', 'exponential', 1000::bigint, 30000::bigint, true),
    ('full', 'fibonacci', 20, 500, false), ('once', 'exponential', 1000, 30000, true) $$,
  'retry policies, with defaults');
select results_eq('select description from tasker.template_steps order by name',
  $$ values (null), (E'two\nlines'), (null) $$, 'descriptions');
select results_eq('select length(description), version_order, input_schema, finalize_externally '
  'from tasker.task_templates',
  $$ values (2000, '{10,20,30}'::integer[], '{"type": "object"}'::jsonb, true) $$,
  'what the definition says of itself');
select is((select registered_by from tasker.task_templates), session_user::text,
  'and who registered it');

select pg_temp.a_template('plain', '{"a": []}', p_more => '{"input_schema": null}');
select is((select input_schema from tasker.task_templates where name = 'plain'), null,
  'a null schema is none');
select is((select finalize_externally from tasker.task_templates where name = 'plain'), false,
  'finalization is inline unless asked otherwise');
select throws_ok($$ select pg_temp.a_template('both', '{"a": []}', '{"surprise": 1}') $$, '22023',
  null, 'nothing unknown is passed over');

select * from finish();
rollback;
