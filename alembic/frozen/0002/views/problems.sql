-- dev
create or replace view tasker.problems as
select 'critical'::text as severity, 'dead_letter'::text as code, step_uuid::text as subject, failed_at as since,
 format('step %s of %s/%s failed for good: %s', name, namespace, task_name, error->>'message') as problem,
 format('select * from tasker.retry_step(%L, ''<why>'')', step_uuid) as cure from tasker.failed_steps
union all
select 'warning', 'namespace_paused', name, paused_at, format('namespace %s is paused by %s: %s', name, paused_by, pause_reason),
 format('select * from tasker.resume_namespace(%L, ''<why>'')', name) from tasker.list_namespaces() where paused_at is not null
union all
select 'critical', 'namespace_unserved', namespace, last_seen_at, format('no live runner works for %s', namespace), 'tasker-sql run' from tasker.served_namespaces where live_runners = 0;
