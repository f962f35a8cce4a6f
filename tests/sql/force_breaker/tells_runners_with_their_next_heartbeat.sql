begin;
\ir ../fixtures.psql
select plan(8);
select tasker.report_runner(name, pg_temp.a_report()) from unnest(array['r1', 'r2']) as name;
select results_eq($$ select * from tasker.force_breaker('queue', 'open', 'maintenance') $$,
  $$ values ('queue', null::text, 'open', true) $$, 'forced open for every runner');
select results_eq($$ select * from tasker.force_breaker('queue', 'open', 'again') $$,
  $$ values ('queue', null::text, 'open', false) $$, 'once');
select results_eq($$ select * from tasker.report_runner('r1', pg_temp.a_report()) $$,
  $$ values ('queue', 'open', 'maintenance') $$, 'r1 learns of it');
select results_eq($$ select * from tasker.report_runner('new', pg_temp.a_report()) $$,
  $$ values ('queue', 'open', 'maintenance') $$, 'so does one that comes later');

select from tasker.force_breaker('queue', 'closed', 'this one may', 'r2');
select results_eq($$ select * from tasker.report_runner('r2', pg_temp.a_report()) $$,
  $$ values ('queue', 'closed', 'this one may') $$,
  'its own order goes before the one for all');
select set_eq('select runner, breaker, wanted, forced from tasker.circuit_breakers',
  $$ values ('r1', 'queue', 'open', null), ('r2', 'queue', 'closed', null),
    ('new', 'queue', 'open', null) $$, 'wanted is not yet forced');
select from tasker.force_breaker('queue', 'open', 'no more', 'r2');
select results_eq($$ select * from tasker.report_runner('r2', pg_temp.a_report()) $$,
  $$ values ('queue', 'open', 'no more') $$, 'the last word counts');
select results_eq('select verb, subject, reason from tasker.operator_history order by action_id',
  $$ values ('force_breaker', 'queue of every runner: open', 'maintenance'),
    ('force_breaker', 'queue of r2: closed', 'this one may'),
            ('force_breaker', 'queue of r2: open', 'no more') $$, 'the reasons are recorded');

select * from finish();
rollback;
