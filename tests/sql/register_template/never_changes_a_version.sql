begin;
\ir ../fixtures.psql
select plan(12);

select '{"name": "t", "namespace_name": "test", "version": "1.0.0",
  "steps": [{"name": "a", "handler": {"callable": "a"}}]}' as definition,
  '{"version": "1.0.0", "steps": [{"handler": {"callable": "a"}, "name": "a"}],
  "namespace_name": "test", "name": "t"}' as reordered \gset

select results_eq(format('select namespace, name, version, created from '
  'tasker.register_template(%L)', :'definition'),
  $$ values ('test', 't', '1.0.0', true) $$, 'it is registered');
select template_id from tasker.task_templates \gset
select results_eq(format('select template_id, namespace, name, version, created from '
  'tasker.register_template(%L)', :'definition'),
  format($$ values (%s, 'test', 't', '1.0.0', false) $$, :'template_id'),
  'the same again changes nothing');
select results_eq(format('select template_id, created from tasker.register_template(%L)',
  :'reordered'),
  format($$ values (%s, false) $$, :'template_id'), 'nor is the same in another order of keys');
select results_eq(format('select template_id, created from tasker.register_template(%L)',
  (select definition from tasker.get_template('test', 't'))),
  format($$ values (%s, false) $$, :'template_id'), 'nor what get_template gives');
select results_eq(format('select template_id, created from tasker.register_template(%L)',
  jsonb_set(:'definition', '{steps,0,retry}', '{"backoff": "exponential"}')
  || '{"input_schema": null}'),
  format($$ values (%s, false) $$, :'template_id'), 'nor the same with a default written out');
select is(pg_temp.refusal(format('select * from tasker.register_template(%L)',
  jsonb_set(:'definition', '{steps,0,run_on}', '"success"'))),
  'TK008: test/t@1.0.0', 'run_on makes a template another one, also where it is the default');

select is(pg_temp.refusal(format('select * from tasker.register_template(%L)',
  :'definition'::jsonb || '{"description": ""}')),
  'TK008: test/t@1.0.0', 'other content is refused');
select is(pg_temp.refusal(format('select * from tasker.register_template(%L)',
  jsonb_set(:'definition', '{steps,0,handler,callable}', '"b"'))),
  'TK008: test/t@1.0.0', 'also deep inside');
select is((select definition from tasker.task_templates), :'definition'::jsonb,
  'and changes nothing');
select is((select count(*) from tasker.template_steps), 1::bigint, 'nor the steps');

select ok((select created and template_id <> :template_id
  from tasker.register_template(:'definition'::jsonb || '{"version": "1.0.1"}')),
  'another version is another template');
select ok((select created
  from tasker.register_template(:'definition'::jsonb || '{"namespace_name": "other"}')),
  'so is the same name in another namespace');

select * from finish();
rollback;
