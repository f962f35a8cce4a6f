create or replace view tasker.task_transitions as
select change.transition_id,
       change.position,
       change.at,
       task.task_uuid,
       template.name,
       legal.from_state,
       legal.to_state,
       change.actor,
       change.session_role,
       change.application,
       change.reason
  from tasker.tasks as task
 cross join lateral tasker._history(task.task_id) as change
  join tasker.legal_transitions as legal on legal.transition = change.change
  join tasker.task_templates as template on template.template_id = task.template_id
 where tasker._step_no(change.id) = 0;

comment on view tasker.task_transitions is
'Every change of a task''s state; from_state is null where it was created. Ask for one task_uuid (what changed lately is in recent_transitions); order by transition_id, position.';
comment on column tasker.task_transitions.transition_id is 'Order of the calls that made the changes.';
comment on column tasker.task_transitions.position is 'Its place in the call.';
comment on column tasker.task_transitions.at is 'When.';
comment on column tasker.task_transitions.task_uuid is 'The task.';
comment on column tasker.task_transitions.name is 'Its template.';
comment on column tasker.task_transitions.from_state is 'State before.';
comment on column tasker.task_transitions.to_state is 'State after.';
comment on column tasker.task_transitions.actor is 'Who: the worker, the operator, the initiator, or sweep.';
comment on column tasker.task_transitions.session_role is 'The database role that connected.';
comment on column tasker.task_transitions.application is 'Its application_name.';
comment on column tasker.task_transitions.reason is 'Why, where one was given.';
