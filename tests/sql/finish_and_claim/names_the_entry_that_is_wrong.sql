begin;
\ir ../fixtures.psql
select plan(28);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset
-- The second of two entries is wrong.
create function pg_temp.report (p_wrong jsonb) returns text language sql as $$
select pg_temp.refusal(format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L)',
  (select token from tasker.claims),
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step((select task_uuid from tasker.tasks), 'only'))) ||
  p_wrong))
$$;

select is(pg_temp.report(case when jsonb_typeof(wrong.entry) = 'object'
  then pg_temp.outcome(gen_random_uuid()) || wrong.entry else wrong.entry end),
          '22023: entry 2: ' || wrong.detail, left(wrong.entry::text, 50))
  from (values
    ('5'::jsonb, 'not an object'), ('null', 'not an object'), ('[[]]', 'not an object'),
    ('"x"', 'not an object'),
    ('{"step_uuid": null}', 'step_uuid must be a uuid'),
    ('{"step_uuid": 5}', 'step_uuid must be a uuid'),
    ('{"step_uuid": "x"}', 'step_uuid must be a uuid'),
    ('{"step_uuid": ""}', 'step_uuid must be a uuid'),
    ('{"step_uuid": "0190a1b2-0000-7000-8000-00000000000z"}', 'step_uuid must be a uuid'),
    ('{"result": 1, "error": 2}', 'has both a result and an error'),
    ('{"result": null, "error": null}', 'has both a result and an error'),
    ('{"surprise": 1}',
      'unknown key; known are step_uuid, result, error, retryable, retry_after_seconds, seconds, '
      'skip, reason, again_after_seconds, checkpoint'),
    ('{"result": 1, "retryable": true}', 'retryable and retry_after_seconds belong to an error'),
    ('{"retry_after_seconds": 5}', 'retryable and retry_after_seconds belong to an error'),
    ('{"error": 1, "retryable": "no"}', 'retryable must be true or false'),
    ('{"error": 1, "retryable": null}', 'retryable must be true or false'),
    ('{"error": 1, "retry_after_seconds": "5"}', 'retry_after_seconds must be a number'),
    ('{"error": 1, "retry_after_seconds": {}}', 'retry_after_seconds must be a number')
  ) as wrong (entry, detail);
select is(pg_temp.report('{}'), '22023: entry 2: step_uuid must be a uuid', 'an empty object');
select is(pg_temp.report(jsonb_build_object('step_uuid', upper(:'step'))),
  '22023: a step is named twice',
  'a step twice, however it is written');
select alike(pg_temp.report(jsonb_build_object('step_uuid', gen_random_uuid(), 'result',
  repeat('x', 1048577))), 'TK006: % bytes, at most 1048576', 'a result too large');

select is(pg_temp.refusal(format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L)',
  :'token', wrong)), '22023: got ' || jsonb_typeof(wrong), left(wrong::text, 20))
  from unnest(array['{}', '5', 'null']::jsonb[]) as wrong;
select is(pg_temp.report(to_jsonb(array_fill(1, array[1000]))), 'TK006: 1001 steps, at most 1000',
  'too many');
select is((select count(*) from tasker.claims), 1::bigint, 'the claim is as it was');
select is(pg_temp.step_state(:'step'), 'in_progress', 'and so is the step');
select is(pg_temp.refusal(format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L)',
  :'token',
  jsonb_build_array(jsonb_build_object('step_uuid', upper(:'step'), 'error', 1,
    'retry_after_seconds', null)))), null, 'upper case and a null retry_after_seconds are fine');

select * from finish();
rollback;
