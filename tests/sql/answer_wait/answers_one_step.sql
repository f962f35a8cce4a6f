-- answer_wait is send_signal to one step, which must wait for it.
begin;
\ir ../fixtures.psql
select plan(15);
select pg_temp.gated('t', '[{"name": "w", "wait": {"signal": ["yes", "no"], "timeout": "P1D",
  "schema": {"type": "integer"}, "prompt": "Pay {{total}} to {{ who.name }}?{{nothing}}"}},
  {"name": "z", "dependencies": ["w"]}]');
select pg_temp.a_task('t', jsonb_build_object('total', 12.50, 'who', jsonb_build_object('name',
  E'An\u001b[31mn\u009b\u202e' || repeat('x', 300)))) as task \gset
select pg_temp.step(:'task', 'w') as step \gset
select is((select prompt from tasker.open_waits('test')),
  'Pay 12.50 to An[31mn' || repeat('x', 190) || '?(nothing)', 'the prompt is text, no more');
select results_eq($$ select name, kind, signals, schema, until, on_timeout, context -> 'total'
  from tasker.open_waits('test', '{"signal": "no", "template": "t", "name": "w"}') $$, $$ values
  ('w', 'signal', '{yes,no}'::text[], '{"type": "integer"}'::jsonb, timestamptz '2030-01-02Z',
   'fail', '12.50'::jsonb) $$, 'all that a form needs');
select is_empty($$ select from tasker.open_waits(null, '{"signal": "maybe"}') union all
  select from tasker.open_waits(null, '{"due_before": "2030-01-01T01:00Z"}') union all
  select from tasker.open_waits(null, '{"tags": ["x"]}') $$, 'filters leave out');
select throws_ok($$ select tasker.open_waits(null, '{"nam": "w"}') $$, '22023', null, 'a typo');
select throws_ok($$ select tasker.open_waits('nowhere') $$, 'TK002', null, 'no namespace');
select is(pg_temp.refusal(format('select tasker.answer_wait(%L, ''"7"'')', :'step')),
  '22023: value is "7", need integer', 'the schema');
select is(pg_temp.refusal(format('select tasker.answer_wait(%L, ''7'', ''{"name": "on"}'')',
  :'step')), '22023: ''on''; it waits for yes, no', 'another name');
select results_eq(format('select step_state, task_state, repeated from tasker.answer_wait(%L, '
  '''7'', ''{"name": "no", "initiator": "ann"}'')', :'step'),
  $$ values ('complete', 'in_progress', false) $$, 'an answer');
select is((select result #- '{signals,0,at}' from tasker.task_results(:'task') where name = 'w'),
  '{"outcome": "signal", "value": 7, "signals": [{"name": "no", "value": 7, "by": "ann"}]}',
  'what it said');
select is((select repeated from tasker.answer_wait(:'step', '7', '{"name": "no"}')), true,
  'the same again');
select alike(pg_temp.refusal(format('select tasker.answer_wait(%L, ''8'')', :'step')),
  'TK003: the step waits for no signal; w is complete since %', 'another one');
select alike(pg_temp.refusal(format('select tasker.answer_wait(%L)', pg_temp.step(:'task', 'z'))),
  'TK003: the step waits for no signal; z is enqueued', 'a step that does not wait');
select throws_ok('select tasker.answer_wait(null)', '22023', null, 'null');
select is_empty('select from tasker.open_waits()', 'nothing waits');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
