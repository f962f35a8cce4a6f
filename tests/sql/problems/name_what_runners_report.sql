begin;
\ir ../fixtures.psql
select plan(8);
create function pg_temp.reports (p_troubles text, p_pools text default '[]') returns void
  language sql as $$
select tasker.report_runner('r1', pg_temp.a_report(p_more =>
  format('{"troubles": %s, "pools": %s}', p_troubles, p_pools)::jsonb));
$$;
select pg_temp.reports('[{"code": "disk_full", "message": "no space left", "times": 2, '
  '"since_ago": 30}, {"code": "unheard_of", "message": "x", "times": 9, "since_ago": 1}]');
prepare found as select severity, code, subject, since, problem from tasker.problems;
select results_eq('found', $$ values ('warning', 'disk_full', 'runner r1',
  '2029-12-31 23:59:30Z'::timestamptz, 'it met this 2 times, first 30 s ago: no space left') $$,
  'what it met, of those codes that are known');
select pg_temp.reports('[{"code": "disk_full", "message": "no space left", "times": 2, '
  '"since_ago": 30}, {"code": "disk_full", "message": "no space left", "times": 1, '
  '"since_ago": 40}]');
select results_eq('found', $$ values ('critical', 'disk_full', 'runner r1',
  '2029-12-31 23:59:20Z'::timestamptz, 'it met this 3 times, first 40 s ago: no space left') $$,
  'of several circuits one row, and three times are critical');

create function pg_temp.cure (p_object text) returns text language sql as $$
select pg_temp.reports(format('[{"code": "permission_missing", "times": 1, "since_ago": 1, '
  '"message": "permission denied for %s"}]', p_object));
select cure from tasker.problems where code = 'permission_missing';
$$;
select is(pg_temp.cure(object), cure || session_user, object)
  from (values
    ('function claim_steps', 'grant execute on routine tasker.claim_steps to '),
    ('table steps', 'grant select, insert, update, delete on tasker.steps to '),
    ('schema tasker', 'grant usage on schema tasker to ')) as wanted (object, cure);
select matches(pg_temp.cure('something'), '^select nspname', 'it names nothing of ours');

select pg_temp.reports('[]', '[{"pool": "task_claimer", "namespace": "test", "status": '
  '"unhealthy", "executors": 2, "healthy": 0, "unhealthy": 2}, {"pool": "step_enqueuer", '
  '"status": "degraded", "executors": 2, "healthy": 1, "unhealthy": 1}]');
select results_eq('select severity, code, subject, problem, cure from tasker.problems',
  $$ values ('critical', 'pool_unhealthy', 'pool task_claimer of namespace test of runner r1',
  '2 of its 2 executors get nothing done: handlers hang, or its calls are not answered; restart '
  'the runner', 'tasker-sql worker claims') $$, 'a pool');
select pg_temp.reports('[{"code": "disk_full", "times": 2, "since_ago": 30}]');
select pg_temp.later('1 minute');
select is((select array_agg(code) from tasker.problems), array['runner_lost'],
  'who is lost reports nothing');

select * from finish();
rollback;
