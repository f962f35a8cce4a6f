create or replace view tasker.recent_transitions as
select change.transition_id,
       change.position,
       change.at,
       task.task_uuid,
       case
         when tasker._step_no(change.id) <> 0 then tasker._step_uuid(task.task_uuid, change.id)
       end as step_uuid,
       template.name as task_name,
       link.name as step_name,
       legal.from_state,
       legal.to_state,
       change.actor,
       change.session_role,
       change.application,
       change.reason
  from tasker._changes as change
  join tasker.legal_transitions as legal on legal.transition = change.change
  join tasker.tasks as task on task.task_id = tasker._task_of(change.id)
  join tasker.task_templates as template on template.template_id = task.template_id
  left join tasker.template_steps as link on link.template_id = task.template_id
                                         and link.step_no = tasker._step_no(change.id)
 where change.at >= (select tasker._now() - interval '1 hour');

comment on view tasker.recent_transitions is
'What changed in the last hour, steps and tasks; order by transition_id desc, position desc to read the newest first.';
comment on column tasker.recent_transitions.transition_id is 'Order of the calls that made the changes.';
comment on column tasker.recent_transitions.position is 'Its place in the call.';
comment on column tasker.recent_transitions.at is 'When.';
comment on column tasker.recent_transitions.task_uuid is 'The task.';
comment on column tasker.recent_transitions.step_uuid is 'The step; null when the task itself changed.';
comment on column tasker.recent_transitions.task_name is 'The task''s template.';
comment on column tasker.recent_transitions.step_name is 'The step by name.';
comment on column tasker.recent_transitions.from_state is 'State before.';
comment on column tasker.recent_transitions.to_state is 'State after.';
comment on column tasker.recent_transitions.actor is 'Who: the worker, the operator, the initiator, or sweep.';
comment on column tasker.recent_transitions.session_role is 'The database role that connected.';
comment on column tasker.recent_transitions.application is 'Its application_name.';
comment on column tasker.recent_transitions.reason is 'Why, where one was given.';
