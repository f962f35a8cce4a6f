create or replace view tasker.live_claims as
select claim.worker,
       namespace.name as namespace,
       claim.claimed_at,
       claim.lease_until,
       claim.lease_until < tasker._now() as is_expired,
       cardinality(claim.step_ids) as step_count,
       array(select tasker._step_uuid(task.task_uuid, step_id)
               from unnest(claim.step_ids) as step_id
               join tasker.tasks as task on task.task_id = tasker._task_of(step_id)
              order by step_id) as step_uuids,
       array(select format('%s/%s/%s', place.name, template.name, link.name)
               from unnest(claim.step_ids) as step_id
               join tasker.tasks as task on task.task_id = tasker._task_of(step_id)
               join tasker.task_templates as template on template.template_id = task.template_id
               join tasker.namespaces as place on place.namespace_id = template.namespace_id
               join tasker.template_steps as link on link.template_id = template.template_id
                                                 and link.step_no = tasker._step_no(step_id)
              order by step_id) as steps,
       claim.lease_until - tasker._now() as lease_left
  from tasker.claims as claim
  join tasker.namespaces as namespace on namespace.namespace_id = claim.namespace_id;

comment on view tasker.live_claims is
'Who works on what now: one row per claim. (Its token is left out: anybody who knows it can finish the steps.)';
comment on column tasker.live_claims.worker is 'The worker that holds it.';
comment on column tasker.live_claims.namespace is 'The namespace it claimed from.';
comment on column tasker.live_claims.claimed_at is 'Since when.';
comment on column tasker.live_claims.lease_until is 'When it ends unless the worker sends a heartbeat.';
comment on column tasker.live_claims.is_expired is 'Its lease has ended; the next sweep takes its steps back.';
comment on column tasker.live_claims.step_count is 'How many steps it names; one that was cancelled, settled or taken back by hand stays until its worker hears of it.';
comment on column tasker.live_claims.step_uuids is 'Which.';
comment on column tasker.live_claims.steps is 'The same in words, in the same order: namespace/template/step.';
comment on column tasker.live_claims.lease_left is 'How long until lease_until; less than nothing when it has ended.';
