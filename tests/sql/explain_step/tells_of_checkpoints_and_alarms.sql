begin;
\ir ../fixtures.psql
select plan(6);
-- K5
select pg_temp.a_template('load', '{"only": []}', '{"max_attempts": 2, "backoff_base_ms": 1000}');
select pg_temp.a_task('load') as task \gset
select pg_temp.step(:'task', 'only') as only \gset
select format('select string_agg(reason, '' / '') from tasker.explain_step(%L)', :'only') as explain
  \gset
select pg_temp.a_claim(p_lease => '1 hour') as token \gset
select from generate_series(0, 16) as n, tasker.checkpoint_step(:'only', :'token', '1', n);
select pg_temp.later('12 seconds');
select results_eq(:'explain', $$ values ('attempt 1 of 2 has run at w1 for 12 s; its lease ends in '
  '59 min; checkpoint 17, 12 s ago') $$, 'while it runs');
select from tasker.fail_step(:'only', :'token', '"no"', true, '1 minute');
select results_eq(:'explain', $$ values ('attempt 1 of 2 failed: no; the next one is due in 60 s; '
  'checkpoint 17, 12 s ago') $$, 'while it waits');
select pg_temp.later('1 minute');
select from tasker.sweep();
select alike((select reason from tasker.explain_step(:'only')),
  'queued for 0 s; checkpoint 17, 72 s ago%', 'in the queue');
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(:'only', :'token', '"no"');
select results_eq(:'explain',
  $$ values ('attempt 2 of 2 failed: no; checkpoint 17, 72 s ago') $$, 'in error');

-- D2
select from tasker.register_template('{"name": "timed", "namespace_name": "test",
  "version": "1.0.0", "steps": [{"name": "a", "handler": {"callable": "h"},
  "start_within": "PT10M", "finish_within": "PT1H"}]}');
select pg_temp.a_task('timed') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
select alike((select reason from tasker.explain_step(:'a')),
  'queued for 0 s; it must start in 10 min; it must end in 60 min%', 'by when it must start');
select pg_temp.a_claim() as token \gset
select alike((select reason from tasker.explain_step(:'a')),
  'attempt 1 of 3 has run at w1 for 0 s; its lease ends in 30 s; it must end in 60 min', 'or end');
select * from finish();
rollback;
