create or replace view tasker.late_writes as
select refused.refused_at,
       task.task_uuid,
       tasker._step_uuid(task.task_uuid, refused.step_id) as step_uuid,
       link.name,
       refused.worker,
       refused.attempt::integer as attempt,
       refused.cause,
       refused.lost_at,
       refused.refused_at - refused.lost_at as late_by,
       step.state::text as step_state,
       case when step.claim_token is not null
             and step.state in ('in_progress', 'complete') then step.attempt
       end::integer as winning_attempt,
       coalesce(
         (select claim.worker
            from tasker.claims as claim
           where claim.token = step.claim_token
             and step.state = 'in_progress'),
         (select change.actor
            from tasker._changes as change
           where change.at = step.finished_at
             and change.id = step.step_id
           order by change.transition_id desc
           limit 1)) as winner
  from tasker.refused_writes as refused
  join tasker.steps as step on step.step_id = refused.step_id
  join tasker.tasks as task on task.task_id = tasker._task_of(refused.step_id)
  join tasker.template_steps as link on link.template_id = step.template_id
                                    and link.step_no = tasker._step_no(step.step_id);

comment on view tasker.late_writes is
'Outcomes that came after their claim was lost, and changed nothing: zombies. Many of them mean leases that are too short, or workers that stall. Read it newest first: order by refused_at desc limit 20.';
comment on column tasker.late_writes.refused_at is 'When the worker reported its refusal, or its message was refused.';
comment on column tasker.late_writes.task_uuid is 'The task.';
comment on column tasker.late_writes.step_uuid is 'The step.';
comment on column tasker.late_writes.name is 'The step by name.';
comment on column tasker.late_writes.worker is 'Whose write it was.';
comment on column tasker.late_writes.attempt is 'The attempt that had lost; null where the token left no trace.';
comment on column tasker.late_writes.cause is 'lease expired; taken over (by an operator, or with its cancelled task); unknown: given back by the worker itself, or never held.';
comment on column tasker.late_writes.lost_at is 'When the claim was lost: the sweep took it back, or somebody took over.';
comment on column tasker.late_writes.late_by is 'How much too late it came.';
comment on column tasker.late_writes.step_state is 'The step now.';
comment on column tasker.late_writes.winning_attempt is 'The attempt that has the step, or completed it; null while there is none, and when a person resolved it.';
comment on column tasker.late_writes.winner is 'Who has the step, or ended it.';
