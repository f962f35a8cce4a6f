begin;
\ir ../fixtures.psql
select plan(4);
select from tasker.create_namespace('test');
select from tasker.create_namespace('billing');
select tasker.report_runner(name, pg_temp.a_report()) from unnest(array['r1', 'r2']) as name;
select set_eq('select namespace, live_runners, slots, last_seen_at from tasker.served_namespaces',
  $$ values ('test', 2, 20, tasker._now()), ('billing', 0, 0, null) $$, 'two runners, and none');
select pg_temp.later('14 minutes');
select results_eq('select live_runners, slots, tasker._now() - last_seen_at from '
  'tasker.served_namespaces where namespace = ''test''',
  $$ values (0, 0, interval '14 minutes') $$, 'none any more, last seen 14 minutes ago');
select tasker.report_runner('r2', pg_temp.a_report('["billing"]'));
select results_eq('select live_runners, slots, tasker._now() - last_seen_at from '
  'tasker.served_namespaces where namespace = ''test''',
  $$ values (0, 0, interval '14 minutes') $$, 'r2 serves another one now');
select is((select live_runners from tasker.served_namespaces where namespace = 'billing'), 1,
  'that one');

select * from finish();
rollback;
