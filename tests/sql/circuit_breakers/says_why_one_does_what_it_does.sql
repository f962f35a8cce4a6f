begin;
\ir ../fixtures.psql
select plan(4);
prepare shown as select effective_state, reason from tasker.circuit_breakers;
select tasker.report_runner('r1', pg_temp.a_report());
select results_eq('shown', $$ values ('closed', null::text) $$, 'closed by itself');
select tasker.report_runner('r1', pg_temp.a_report(p_more => $$ {"breakers": [{"breaker": "queue",
  "state": "open", "failed_in_a_row": 3, "last_error": "the server is down"}]} $$));
select results_eq('shown', $$ values ('open', '3 failures in a row: the server is down') $$,
  'open by itself');
select from tasker.force_breaker('queue', 'closed', 'it is up');
select results_eq('shown', $$ values ('closed', 'an operator forced it: it is up') $$, 'forced');
select from tasker.release_breaker('queue', 'over');
select tasker.report_runner('r1', pg_temp.a_report(p_more => $$ {"breakers": [{"breaker": "queue",
  "state": "closed", "forced": "open"}]} $$));
select results_eq('shown', $$ values ('open', 'an operator forced it') $$,
  'until its runner knows that it is released');

select * from finish();
rollback;
