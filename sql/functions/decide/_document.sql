create or replace function tasker._document (p_step_id bigint, p_needs jsonb)
  returns jsonb
  language sql
  stable
begin atomic
-- What the condition of a step reads. Of its parents only those in p_needs are there, so that its
-- size is bounded. Times are in UTC, whatever the session's zone is: a decision is made again from
-- what is stored.
--
-- Returns  {"context", "results", "states", "errors", "task"}
-- Calls    _parents, _last_error, _priority_name
with parent as materialized (
  select own.name, own.result, own.state,
         case when own.state = 'error'
                   or own.state = 'skipped' and own.attempt > 0
              then tasker._last_error(own.step_id) end as error
    from tasker._parents(p_step_id) as own
   where p_needs ? own.name
)
select jsonb_build_object(
         'context', task.context,
         'results', coalesce(jsonb_object_agg(parent.name, parent.result)
                               filter (where parent.name is not null), '{}'),
         'states', coalesce(jsonb_object_agg(parent.name, parent.state)
                              filter (where parent.name is not null), '{}'),
         'errors', coalesce(jsonb_object_agg(parent.name, parent.error)
                              filter (where parent.name is not null), '{}'),
         'task', jsonb_build_object(
           'uuid', task.task_uuid,
           'priority', tasker._priority_name(task.priority),
           'tags', coalesce(to_jsonb(task.tags), '[]'),
           'created_at', to_char(task.created_at at time zone 'UTC',
                                 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
  from tasker.tasks as task
  left join parent on true
 where task.task_id = tasker._task_of(p_step_id)
 group by task.task_id;
end;

comment on function tasker._document is 'What the condition of a step reads.';
