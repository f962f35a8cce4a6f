begin;
\ir ../fixtures.psql
select plan(11);

select from tasker.register_template('{"name": "t", "namespace_name": "test", "version": "1.0.0", '
  '"steps": [
  {"name": "last", "handler": {"sql": "shop.pay"}, "dependencies": ["first"], "namespace": "bank", '
  '"timeout_seconds": 5,
   "retry": {"max_attempts": 7, "backoff": "linear", "backoff_base_ms": 5, "max_backoff_ms": 50, '
   '"jitter": false}},
  {"name": "first", "description": "begins", "handler": {"callable": "x", "initialization": {"y": '
  '1}}}]}');
select pg_temp.a_template('t', '{"a": []}', p_more => '{"version": "1.2.0"}');

select results_eq('select namespace, name, version, jsonb_array_length(steps), length(sha256) from '
  'tasker.get_template(''test'', ''t'', ''1.0.0'')',
  $$ values ('test', 't', '1.0.0', 2, 64) $$, 'the version asked for');
select results_eq('select version from tasker.get_template(''test'', ''t'')', array['1.2.0'],
  'the highest');
select results_eq('select steps -> 0 from tasker.get_template(''test'', ''t'', ''1.0.0'')',
  $$ values ('{"step_no": 1, "name": "first", "description": "begins", "handler": "x", "config": '
    '{"y": 1}, "namespace": "test", "parents": [], "children": ["last"],
     "max_attempts": 3, "backoff": "exponential", "backoff_base_ms": 1000, "max_backoff_ms": '
     '30000, "jitter": true, "timeout_seconds": null}'::jsonb) $$,
  'with every default, parents first');
select results_eq('select steps -> 1 from tasker.get_template(''test'', ''t'', ''1.0.0'')',
  $$ values ('{"step_no": 2, "name": "last", "description": null, "handler": "sql:shop.pay", '
    '"config": {}, "namespace": "bank", "parents": ["first"], "children": [],
     "max_attempts": 7, "backoff": "linear", "backoff_base_ms": 5, "max_backoff_ms": 50, "jitter": '
     'false, "timeout_seconds": 5}'::jsonb) $$, 'as it says');
select results_eq('select definition -> ''steps'' -> 0 ->> ''name'' from '
  'tasker.get_template(''test'', ''t'', ''1.0.0'')', array['last'], 'and as it was written');
select results_eq('select definition -> ''steps'' -> 1 from '
  'tasker.get_template(''test'', ''t'', ''1.0.0'')',
  $$ values ('{"name": "first", "description": "begins", "dependencies": [],
    "handler": {"callable": "x", "initialization": {"y": 1}},
    "retry": {"retryable": true, "max_attempts": 3, "backoff": "exponential",
              "backoff_base_ms": 1000, "max_backoff_ms": 30000, "jitter": true}}'::jsonb) $$,
  'with its defaults written out');

-- A gated template.
select pg_temp.gated('g', '[{"name": "pay", "on_error": "skip"},
  {"name": "alert", "dependencies": ["pay"], "run_on": "failure", "if": "$.context.a > 1"}]');
select results_eq($$ select step -> 'run_on', step -> 'if', step -> 'on_error'
  from tasker.get_template('test', 'g'), jsonb_array_elements(steps) as step $$,
  $$ values ('"success"'::jsonb, null::jsonb, '"skip"'::jsonb),
            ('"failure"', '"$.context.a > 1"', '"fail"') $$, 'what decides whether they run');
select results_eq($$ select step -> 'run_on', step -> 'if', step -> 'on_error'
  from tasker.get_template('test', 'g'), jsonb_array_elements(definition -> 'steps') as step $$,
  $$ values ('"success"'::jsonb, null::jsonb, '"skip"'::jsonb),
            ('"failure"', '"$.context.a > 1"', '"fail"') $$, 'in both forms');
select throws_ok('select * from tasker.get_template(''nowhere'', ''t'')', 'TK002');
select throws_ok('select * from tasker.get_template(''test'', ''t'', ''9.9.9'')', 'TK002');
select throws_ok('select * from tasker.get_template(null, ''t'')', '22023');

select * from finish();
rollback;
