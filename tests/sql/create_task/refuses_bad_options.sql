begin;
\ir ../fixtures.psql
select plan(36);
select pg_temp.a_template('t', '{"a": []}');

select alike(pg_temp.refusal(format('select * from tasker.create_task(''test'', ''t'', ''{}'', %L)',
  wrong.options)), '22023: ' || wrong.detail,
             left(wrong.options::text, 50))
  from (values
    ('[]'::jsonb, 'got array'),
    ('5', 'got number'),
    ('{"surprise": 1}', '''surprise''; known are%'),
    ('{"version": "latest"}', 'version is "latest"%'),
    ('{"idempotency_key": ""}', '%1 to 200 characters'),
    ('{"idempotency_key": 5}', '%1 to 200 characters'),
    (jsonb_build_object('idempotency_key', repeat('k', 201)), '%1 to 200 characters'),
    ('{"idempotency_keys": ["a", "b"]}', 'need 1,%'),
    ('{"idempotency_keys": "a"}', 'need 1,%'),
    ('{"priority": "urgent"}', 'priority is "urgent"%'),
    ('{"priority": 1}', 'priority is 1%'),
    ('{"run_at": "tomorrow"}', 'run_at is "tomorrow"%'),
    ('{"run_at": "infinity"}', 'run_at is "infinity"%'),
    ('{"run_at": "2030-01-01"}', 'run_at is "2030-01-01"%'),
    ('{"run_at": "2030-01-01T10:00"}', 'run_at is %'),
    ('{"run_at": "2030-13-01T10:00Z"}', 'run_at is "2030-13-01T10:00Z": there is no such day%'),
    ('{"run_at": "2030-01-01T10:00::.Z"}', '%there is no such day, time or zone'),
    ('{"run_at": "2030-01-01T10:00+99:99"}', '%there is no such day, time or zone'),
    ('{"run_at": "0000-01-01T00:00Z"}', '%there is no such day, time or zone'),
    ('{"run_at": "9999-12-31T23:00-05"}', '%with a year of four digits'),
    ('{"run_at": "294276-12-31T23:59:59Z"}', 'run_at is "294276%'),
    ('{"run_at": 1893456000}', 'run_at is 1893456000%'),
    ('{"tags": "a"}', 'tags are%'),
    ('{"tags": [1]}', 'tags are%'),
    ('{"tags": [""]}', 'tags are%'),
    (jsonb_build_object('tags', array[repeat('t', 101)]), 'tags are%'),
    ('{"initiator": ""}', 'initiator is%'),
    (jsonb_build_object('source_system', repeat('s', 201)), 'source_system is%'),
    ('{"reason": ""}', 'reason is "", need a string of 1 to 1000%'),
    (jsonb_build_object('reason', repeat('r', 1001)), 'reason is%'),
    ('{"run_at": "2026-02-29T00:00:00Z"}',
      'run_at is "2026-02-29T00:00:00Z": there is no such day%'),
    ('{"run_at": "9999-12-31T23:59:59Z"}',
      'run_at is "9999-12-31T23:59:59Z", need a time up to 9999-12-31T00:00Z%')
  ) as wrong (options, detail);

select is(pg_temp.refusal(format($$ select * from tasker.create_task('test', 't', '{}', %L) $$,
  jsonb_build_object('tags', array_fill('t'::text, array[21])))),
  'TK006: 21 tags, at most 20', 'too many tags');
select is(pg_temp.refusal($$ select * from tasker.create_task('test', 't', '{}', 'null') $$),
  '22023: got null', 'null in JSON');
select is_empty('select from tasker.tasks union all select from tasker.idempotency_keys',
  'no task was made');
select is_empty($$ select pg_temp.queued('test_queue') $$, 'nor a message');

select * from finish();
rollback;
