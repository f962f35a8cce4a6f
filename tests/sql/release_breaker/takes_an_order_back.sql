begin;
\ir ../fixtures.psql
select plan(8);
select tasker.report_runner('r1', pg_temp.a_report());
select from tasker.force_breaker('queue', 'open', 'why');
select from tasker.force_breaker('queue', 'closed', 'why', 'r1');
select throws_ok($$ select tasker.release_breaker('queue', null) $$, '22023', null,
  'a reason is needed');
select results_eq($$ select * from tasker.release_breaker('queue', 'over', 'r2') $$,
  $$ values ('queue', 'r2', false) $$, 'nothing was forced there');
select results_eq($$ select * from tasker.release_breaker('queue', 'over', 'r1') $$,
  $$ values ('queue', 'r1', true) $$, 'its own order');
select results_eq($$ select * from tasker.report_runner('r1', pg_temp.a_report()) $$,
  $$ values ('queue', 'open', 'why') $$, 'the one for all is left');
select results_eq($$ select * from tasker.release_breaker('queue', 'over') $$,
  $$ values ('queue', null::text, true) $$, 'and this one, too');
select results_eq($$ select * from tasker.release_breaker('queue', 'over') $$,
  $$ values ('queue', null::text, false) $$, 'once');
select is_empty($$ select * from tasker.report_runner('r1', pg_temp.a_report()) $$,
  'nothing is forced any more');
select results_eq('select verb, subject from tasker.operator_history where verb = '
  '''release_breaker'' order by action_id',
  $$ values ('release_breaker', 'queue of r1'), ('release_breaker', 'queue of every runner') $$,
  'both are recorded');

select * from finish();
rollback;
