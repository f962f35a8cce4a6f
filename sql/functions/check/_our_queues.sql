create or replace function tasker._our_queues ()
  returns table (name text)
  language sql
  stable
begin atomic
-- Every queue that there must be: those of the namespaces, and the two of orchestration.
select own.name
  from tasker.namespaces as namespace
 cross join lateral unnest(tasker._queues_of(namespace.name)) as own (name)
 union all
values ('orchestration_step_results'), ('orchestration_task_requests');
end;

comment on function tasker._our_queues is 'Every queue that there must be: those of the namespaces, and the two of orchestration.';
