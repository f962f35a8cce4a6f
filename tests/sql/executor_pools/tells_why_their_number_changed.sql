begin;
\ir ../fixtures.psql
select plan(2);
select tasker.report_runner('r1', pg_temp.a_report());
select results_eq('select scaled_at, scaled_from, scaled_why from tasker.executor_pools',
  $$ values (null::timestamptz, null::integer, null::text) $$, 'nothing where it never did');
select tasker.report_runner('r1', pg_temp.a_report(p_more => $$ {"pools": [
  {"pool": "task_claimer", "scaled_ago": 30, "scaled_from": 4, "scaled_why": "120 wait"}]} $$));
select results_eq('select scaled_at, scaled_from, scaled_why from tasker.executor_pools',
  $$ values (tasker._now() - interval '30 seconds', 4, '120 wait') $$, 'when, from what, and why');

select * from finish();
rollback;
