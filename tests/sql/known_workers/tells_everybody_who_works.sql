begin;
\ir ../fixtures.psql
select plan(7);
create function pg_temp.workers ()
 returns table (name text, kind text, status text, namespaces text[], claims integer, steps integer,
   left_ interval)
language sql
 as $$ select name, kind, status, namespaces, claims, steps, lease_left from tasker.known_workers
   order by name $$;

select pg_temp.a_template('three', '{"a": [], "b": [], "c": []}');
select pg_temp.a_task('three'), pg_temp.a_task('three');
select is_empty('select * from pg_temp.workers()', 'nobody works');
select tasker.report_runner('r1', pg_temp.a_report());
select results_eq('select * from pg_temp.workers()',
  $$ values ('r1', 'runner', 'healthy', array['test'], 0, 0, null::interval) $$,
  'a runner without a claim');
select pg_temp.a_claim(2, 'r1', '10 seconds'), pg_temp.a_claim(1, 'php', '20 seconds'),
  pg_temp.a_claim(2, 'php', '15 seconds');
select results_eq('select * from pg_temp.workers()',
  $$ values ('php', 'foreign', 'working', array['test'], 2, 3, interval '15 s'),
            ('r1', 'runner', 'healthy', array['test'], 1, 2, interval '10 s') $$,
            'and a foreign one; the first lease to end is shown');
select from tasker.create_namespace('empty');
select from tasker.await_work(array['empty'], 'go', '25 seconds');
select results_eq('select * from pg_temp.workers() where name = ''go''',
  $$ values ('go', 'foreign', 'idle', array['empty'], 0, 0, null::interval) $$,
  'one that waits for work');
select pg_temp.later('17 seconds');
select results_eq('select name, status, claims from pg_temp.workers()',
  $$ values ('go', 'idle', 0), ('php', 'working', 2), ('r1', 'lost', 1) $$,
  'the runner has not reported; php has one lease left');
select pg_temp.later('14 seconds');
select results_eq('select name, status, claims from pg_temp.workers()',
  $$ values ('php', 'lost', 2), ('r1', 'lost', 1) $$, 'all leases have ended, and nobody waits');
select tasker.report_runner('r1', pg_temp.a_report(p_more => '{"state": "stopped"}'));
select results_eq('select name, status from pg_temp.workers() where kind = ''runner''',
  $$ values ('r1', 'stopped') $$, 'it has stopped');

select * from finish();
rollback;
