begin;
\ir ../fixtures.psql
select plan(8);
prepare letters as select namespace, task_name, name, count, retryable, first_at, last_at,
  sample_error from tasker.dead_letters;

select is(count(distinct tasker._fingerprint(jsonb_build_object('type', 'E', 'message', message))),
  1::bigint, 'numbers, uuids, times and literals do not count')
  from unnest(array['no card 7 of ''Ann'' at 10:00',
    'no card 812.5 of "Bob" at 2030-01-01T00:00:00Z',
                    'no card 0199c0de-0000-7000-8000-000000100001 of `C` at 0x1f']) as message;
select isnt(tasker._fingerprint('{"message": "can''t open ''a''"}'),
  tasker._fingerprint('{"message": "can''t close ''a''"}'), 'an apostrophe quotes nothing');
select isnt(tasker._fingerprint('{"type": "A", "message": "x"}'),
  tasker._fingerprint('{"type": "B", "message": "x"}'), 'the type does');

select pg_temp.a_template('two', '{"a": [], "b": []}', '{"max_attempts": 1}');
select task_uuid from tasker.create_tasks('test', 'two', array['{}', '{}']::jsonb[]);
create temp table held as select * from tasker.claim_steps('test', 'w1', 4);
select from tasker.fail_step((select step_uuid from held where name = 'a'
  order by tasker._step_id(step_uuid) limit 1), (select min(token::text)::uuid from held),
  '"no card 1"');
select pg_temp.later('1 minute');
select from tasker.fail_step((select step_uuid from held where name = 'a'
  order by tasker._step_id(step_uuid) offset 1), (select min(token::text)::uuid from held),
  '"no card 2"', false);
select from tasker.fail_step((select step_uuid from held where name = 'b'
  order by tasker._step_id(step_uuid) limit 1), (select min(token::text)::uuid from held),
  '"no card 3"');
select results_eq('letters', $$ values
  ('test', 'two', 'a', 2, false, '2030-01-01 00:00Z'::timestamptz, '2030-01-01 00:01Z'::timestamptz,
    'no card 2'),
  ('test', 'two', 'b', 1, true, '2030-01-01 00:01Z', '2030-01-01 00:01Z', 'no card 3') $$,
  'two steps, one error');
select is((select sample_step_uuid from tasker.dead_letters where name = 'b'),
  (select step_uuid from held where name = 'b' order by tasker._step_id(step_uuid) limit 1),
  'a sample');
select from tasker.resolve_step((select sample_step_uuid from tasker.dead_letters where name = 'b'),
  'by hand');
select results_eq('select name, count from tasker.dead_letters', $$ values ('a', 2) $$,
  'one is resolved');
select from tasker.retry_step((select sample_step_uuid from tasker.dead_letters), 'again');
select results_eq('select name, count from tasker.dead_letters', $$ values ('a', 1) $$,
  'one runs again');
select from tasker.resolve_task((select task_uuid from tasker.failed_steps), 'by hand');
select is_empty('letters', 'the task of the last one is settled');

select * from finish();
rollback;
