begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('t', '{"charge": [], "ship": []}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'charge') as charge \gset
prepare missing as select severity, code, subject, since, problem, cure, amount
  from tasker.problems where code ~ 'handler|worker';
prepare shown as select code, blocks, reason, cure from tasker.explain_step(:'charge');

-- The runner says what it has, so that nobody has to try.
select tasker.report_runner('vm:1', pg_temp.a_report(p_more => '{"handlers": ["ship"]}'),
  '1 hour');
select results_eq('shown', $$ values ('handler_missing', false,
  'queued for 0 s; no live worker of namespace test has the handler charge (no runner had it '
  'within a day)', 'tasker-sql run --namespace test --handlers MODULE') $$,
  'explain_step says it at once');
select from tasker.await_work(array['test'], 'foreign', '1 minute');
select is((select code from tasker.explain_step(:'charge')), 'queued',
  'another worker may have it');
select from tasker.claim_steps('test', 'vm:1', 5, '1 hour', array['ship']);
select is((select code from tasker.explain_step(:'charge')), 'handler_missing',
  'now somebody has come by without it');
select is((select array_agg(code) from tasker.explain_task(:'task')),
  array['running', 'handler_missing'], 'explain_task says it, too');
select results_eq('select name, code from tasker.list_queued_steps(''test'')',
  $$ values ('charge', 'handler_missing') $$, 'it is listed among what waits');
select is_empty('missing', 'a minute of waiting is not a problem');
select pg_temp.later('14 minutes');
select results_eq('missing', $$ values ('critical', 'handler_missing',
  'handler charge of namespace test', '2030-01-01 00:00Z'::timestamptz,
  '1 step queued for up to 14 min; no live worker of namespace test has the handler charge (no '
  'runner had it within a day)', 'tasker-sql run --namespace test --handlers MODULE',
  1::bigint) $$, 'it is a problem');
select from tasker.pause_template('test', 't', 'a bad version');
select is_empty('missing', 'what is paused may wait');
select from tasker.resume_template('test', 't', 'done');
select tasker.report_runner('vm:2', pg_temp.a_report(p_more => '{"handlers": ["charge"]}'));
select is_empty('missing', 'somebody has it');
select is((select code from tasker.explain_step(:'charge')), 'queued', 'it is only its turn');
select pg_temp.later('1 minute');
select matches((select problem from tasker.problems where code = 'handler_missing'),
  'runner vm:2 had it 60 s ago', 'who had it last');
select tasker.report_runner('vm:3', pg_temp.a_report());
select is_empty('missing', 'a runner that does not say may have it');
select from tasker.report_runner('vm:3', pg_temp.a_report(p_more => '{"state": "stopped"}'));
select pg_temp.a_task('t');
select from tasker.claim_steps('test', 'vm:1', 5, '1 hour', array['ship']);
select pg_temp.later('2 minutes');
select isnt_empty('missing', 'two steps wait for it');
select from tasker.claim_steps('test', 'foreign', 1);
select is_empty('missing', 'who holds one of them has it');

select * from finish();
rollback;
