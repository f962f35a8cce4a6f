create or replace function tasker._fixed_limits ()
  returns table (
    name    text,
    initial integer,
    minimum integer,
    maximum integer,
    unit    text,
    meaning text
  )
  language sql
  immutable
begin atomic
-- The limits that there are, as a new database has them.
select bound.name, bound.initial, bound.minimum, bound.maximum, bound.unit, bound.meaning
  from (values
    ('context_bytes', 1048576, 8192, 8388608, 'bytes', 'A task''s context, as jsonb.'),
    ('result_bytes', 1048576, 8192, 8388608, 'bytes', 'A step''s result, as jsonb.'),
    ('input_bytes', 67108864, 67108864, 134217728, 'bytes',
     'The results of a step''s parents together. A step that would get more fails.'),
    ('claim_bytes', 16777216, 1048576, 268435456, 'bytes',
     'The contexts and inputs of the steps of one claim together. One step is always let in.'),
    ('error_bytes', 65536, 8192, 1048576, 'bytes', 'An attempt''s error. What is larger is cut.'),
    ('definition_bytes', 16777216, 65536, 67108864, 'bytes', 'A template''s definition, as jsonb.'),
    ('json_depth', 128, 128, 500, 'levels', 'Arrays and objects within one another, in any JSON.'),
    ('template_steps', 10000, 100, 100000, 'steps', 'The steps of a template.'),
    ('step_parents', 10000, 100, 100000, 'parents', 'The dependencies of a step.'),
    ('template_namespaces', 100, 20, 200, 'namespaces',
     'The namespaces that one template makes work in.'),
    ('tasks_per_call', 10000, 100, 100000, 'tasks', 'The contexts of one create_tasks.'),
    ('steps_per_call', 1000, 100, 5000, 'steps',
     'Steps that one call claims, and outcomes it reports.'),
    ('messages_per_call', 1000, 100, 100000, 'messages', 'Messages that one call applies.'),
    ('rows_per_call', 1000, 100, 100000, 'rows',
     'Rows, tasks or namespaces that one question is about.'),
    ('signals_per_task', 1000, 100, 100000, 'signals',
     'The signals that are stored for the steps of a task.'),
    ('sleeps_per_step', 10000, 100, 1000000, 'times',
     'How often a handler may let its step sleep.'),
    ('sweep_rows', 100000, 100, 1000000, 'rows', 'Rows of each kind that one sweep moves.'),
    ('tags_per_task', 20, 20, 1000, 'tags', 'The tags of a task.'),
    ('attempts_with_progress', 1000, 10, 100000, 'attempts',
     'Lost attempts of a step that do not count because it made checkpoints.'),
    ('lease_seconds', 86400, 3600, 2592000, 'seconds',
     'A lease, of steps or for finalizing; and waiting for work.')
  ) as bound (name, initial, minimum, maximum, unit, meaning);
end;

comment on function tasker._fixed_limits is 'The limits that there are, as a new database has them.';
