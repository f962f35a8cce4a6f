create or replace view tasker.rejected_requests as
select rejected.rejection_id,
       rejected.rejected_at,
       rejected.queue_name,
       rejected.msg_id,
       rejected.message,
       rejected.code,
       rejected.error
  from tasker.rejected_messages as rejected;

comment on view tasker.rejected_requests is
'Messages to the orchestration queues that could not be applied, and why. Send them again once that is fixed.';
comment on column tasker.rejected_requests.rejection_id is 'Order of rejection.';
comment on column tasker.rejected_requests.rejected_at is 'When.';
comment on column tasker.rejected_requests.queue_name is 'Where it came from.';
comment on column tasker.rejected_requests.msg_id is 'Its number there.';
comment on column tasker.rejected_requests.message is 'The message.';
comment on column tasker.rejected_requests.code is 'SQLSTATE of the error: TK... or 22...';
comment on column tasker.rejected_requests.error is 'What was wrong.';
