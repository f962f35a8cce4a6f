begin;
\ir ../fixtures.psql
select plan(2);
prepare shown as select running, waiting, hung, decided_at, decision, measured ->> 'queue_depth'
  from tasker.executor_pools;
select tasker.report_runner('r1', pg_temp.a_report());
select results_eq('shown', $$ values (null::integer, null::integer, null::integer,
  null::timestamptz, null::text, null::text) $$, 'nothing before the first one');
select tasker.report_runner('r1', pg_temp.a_report(p_more => $$ {"pools": [
  {"pool": "task_claimer", "executors": 4, "running": 2, "waiting": 1, "hung": 1,
   "decided_ago": 20, "decision": "1 of 4 hang", "measured": {"queue_depth": 120}}]} $$));
select results_eq('shown', $$ values (2, 1, 1, tasker._now() - interval '20 seconds', '1 of 4 hang',
  '120') $$, 'when, why, and what was measured');

select * from finish();
rollback;
