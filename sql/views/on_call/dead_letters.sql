create or replace view tasker.dead_letters as
select letter.namespace,
       letter.task_name,
       letter.name,
       letter.fingerprint,
       letter.count,
       letter.retryable,
       letter.first_at,
       letter.last_at,
       tasker._step_uuid(task.task_uuid, letter.sample_id) as sample_step_uuid,
       tasker._error_text(failure.error) as sample_error
  from (select namespace.name as namespace,
               template.name as task_name,
               link.name,
               dead.fingerprint,
               sum(dead.count)::integer as count,
               bool_and(dead.retryable) as retryable,
               min(dead.first_at) as first_at,
               max(dead.last_at) as last_at,
               max(dead.sample_id) as sample_id
          from (select dead.template_id,
                       tasker._step_no(dead.step_id) as step_no,
                       dead.fingerprint,
                       count(*) as count,
                       bool_and(dead.retryable) as retryable,
                       min(dead.failed_at) as first_at,
                       max(dead.failed_at) as last_at,
                       max(dead.step_id) as sample_id
                  from tasker.dead_steps as dead
                 group by 1, 2, 3) as dead
          join tasker.template_steps as link on link.template_id = dead.template_id
                                            and link.step_no = dead.step_no
          join tasker.task_templates as template on template.template_id = dead.template_id
          join tasker.namespaces as namespace on namespace.namespace_id = template.namespace_id
         group by 1, 2, 3, 4) as letter
  join tasker.tasks as task on task.task_id = tasker._task_of(letter.sample_id)
  left join lateral (
       select failure.error
         from tasker.step_failures as failure
        where failure.step_id = letter.sample_id
        order by failure.failure_id desc
        limit 1
       ) as failure on true;

comment on view tasker.dead_letters is
'Steps that failed for good and that nobody has dealt with, grouped by step and by what their errors have in common. Each step is in failed_steps.';
comment on column tasker.dead_letters.namespace is 'Their tasks'' namespace.';
comment on column tasker.dead_letters.task_name is 'Their tasks'' template, all versions.';
comment on column tasker.dead_letters.name is 'The step by name.';
comment on column tasker.dead_letters.fingerprint is 'What the errors have in common: type and message without literals, numbers, uuids and times.';
comment on column tasker.dead_letters.count is 'How many.';
comment on column tasker.dead_letters.retryable is 'All of them ran out of attempts; false: a handler said of one that another attempt is of no use.';
comment on column tasker.dead_letters.first_at is 'When the first of them failed.';
comment on column tasker.dead_letters.last_at is 'When the last of them did.';
comment on column tasker.dead_letters.sample_step_uuid is 'One of them, of the youngest task.';
comment on column tasker.dead_letters.sample_error is 'And its error, in one line.';
