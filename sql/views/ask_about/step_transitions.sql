create or replace view tasker.step_transitions as
select change.transition_id,
       change.position,
       change.at,
       task.task_uuid,
       tasker._step_uuid(task.task_uuid, change.id) as step_uuid,
       link.name,
       legal.from_state,
       legal.to_state,
       change.actor,
       change.session_role,
       change.application,
       change.reason
  from tasker.tasks as task
 cross join lateral tasker._history(task.task_id) as change
  join tasker.legal_transitions as legal on legal.transition = change.change
  join tasker.template_steps as link on link.template_id = task.template_id
                                    and link.step_no = tasker._step_no(change.id);

comment on view tasker.step_transitions is
'Every change of a step''s state. Ask for one task_uuid (what changed lately is in recent_transitions); order by transition_id, position.';
comment on column tasker.step_transitions.transition_id is 'Order of the calls that made the changes.';
comment on column tasker.step_transitions.position is 'Its place in the call.';
comment on column tasker.step_transitions.at is 'When.';
comment on column tasker.step_transitions.task_uuid is 'The task.';
comment on column tasker.step_transitions.step_uuid is 'The step.';
comment on column tasker.step_transitions.name is 'The step by name.';
comment on column tasker.step_transitions.from_state is 'State before.';
comment on column tasker.step_transitions.to_state is 'State after.';
comment on column tasker.step_transitions.actor is 'Who: the worker, the operator, the initiator, or sweep.';
comment on column tasker.step_transitions.session_role is 'The database role that connected.';
comment on column tasker.step_transitions.application is 'Its application_name.';
comment on column tasker.step_transitions.reason is 'Why, where one was given.';
