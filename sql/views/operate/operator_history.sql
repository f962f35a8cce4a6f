create or replace view tasker.operator_history as
select action.action_id,
       action.at,
       action.verb,
       action.subject,
       action.reason,
       action.session_role,
       action.application
  from tasker.operator_actions as action;

comment on view tasker.operator_history is
'What operators did, to what, and why. Read it newest first: order by action_id desc limit 20.';
comment on column tasker.operator_history.action_id is 'Order of the actions.';
comment on column tasker.operator_history.at is 'When.';
comment on column tasker.operator_history.verb is 'The function that was called.';
comment on column tasker.operator_history.subject is 'A task''s or step''s uuid, or the name of a namespace or template.';
comment on column tasker.operator_history.reason is 'The reason that was given.';
comment on column tasker.operator_history.session_role is 'The database role that connected.';
comment on column tasker.operator_history.application is 'Its application_name.';
