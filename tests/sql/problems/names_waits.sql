-- Waits that nobody ends, or that may never end, and signals that nobody takes.
begin;
\ir ../fixtures.psql
select plan(5);
select pg_temp.gated('t', '[{"name": "a"}, {"name": "v", "wait": {"signal": "ok"}},
  {"name": "w", "dependencies": ["a"], "wait": {"signal": "ok"}}, {"name": "late",
  "wait": {"for": "PT1H"}}, {"name": "z", "dependencies": ["w"], "run_on": "end"}]');
select pg_temp.a_task('t') as task \gset
select from tasker.send_signal(:'task', 'ok', '1');
select from tasker.send_signal(:'task', 'ok', '2');
create function pg_temp.said () returns setof text language sql as $$
select code || ': ' || problem from tasker.problems where code in ('waits_overdue',
  'wait_without_end', 'signals_left') order by 1
$$;
select is_empty('select pg_temp.said()', 'nothing yet');
select token, step_uuid as a from tasker.claim_steps('test', 'w') \gset
select from tasker.skip_step(:'a', :'token');
select results_eq('select pg_temp.said()',
  array['signals_left: 1 signal (ok) stored that no open step can take'], 'left');
select pg_temp.later('2 hours');
select alike((select string_agg(said, '; ') from pg_temp.said() as said),
  '%waits_overdue: 1 alarm due for up to 60 min, and nothing came of it', 'overdue');
select from tasker.sweep();
select pg_temp.a_task('t');
select pg_temp.a_task('t');
update clock set t = t + interval '31 days';
select alike((select string_agg(said, '; ') from pg_temp.said() as said),
  '%wait_without_end: 2 steps waiting for up to 31 d 0 h without a timeout: %', 'without end');
select lives_ok((select cure from tasker.problems where code = 'wait_without_end'), 'its cure');

select * from finish();
rollback;
