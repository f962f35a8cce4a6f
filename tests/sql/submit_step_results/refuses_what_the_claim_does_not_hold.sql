begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as one \gset
select pg_temp.a_task('t') as two \gset
select pg_temp.step(:'one', 'a') as a \gset
select pg_temp.a_claim(2) as token \gset
create function pg_temp.submit (p_token uuid, p_outcomes jsonb) returns text language sql as $$
select pg_temp.refusal(format('select * from tasker.submit_step_results(%L, %L)', p_token,
  p_outcomes))
$$;
create function pg_temp.done (variadic p_steps text[]) returns jsonb language sql as $$
select jsonb_agg(pg_temp.outcome(step::uuid)) from unnest(p_steps) as step
$$;

select is(pg_temp.submit(gen_random_uuid(), pg_temp.done(:'a')),
  format('TK001: %s is in_progress, attempt 1', :'a'), 'a forged token');
select alike(pg_temp.submit(null, pg_temp.done(:'a')), '22023: token null%', 'a null token');
select is(pg_temp.submit(:'token', null), '22023: got null', 'null outcomes');
select is(pg_temp.submit(:'token', '{}'), '22023: got object', 'no list');
select is(pg_temp.submit(:'token', '[{"step_uuid": 5}]'),
  '22023: entry 1: step_uuid must be a uuid', 'a bad entry');
select is(pg_temp.submit(:'token', pg_temp.done(:'a', :'a')), '22023: a step is named twice',
  'a step twice');
select is(pg_temp.submit(:'token', pg_temp.done(:'a', gen_random_uuid()::text)), 'TK002',
  'a step that does not exist');
select alike(pg_temp.submit(:'token',
  jsonb_build_array(jsonb_build_object('step_uuid', :'a', 'result', repeat('x', 1048577)))),
  'TK006: %', 'a result too large');
select from tasker.cancel_task(:'two', 'not wanted');
select alike(pg_temp.submit(:'token', pg_temp.done(:'a', pg_temp.step(:'two', 'a')::text)),
  'TK001: % is cancelled, attempt 1', 'a cancelled step');
select is_empty('select from tasker.submissions', 'nothing was submitted');
select is((select cardinality(step_ids) from tasker.claims), 2, 'the claim is as it was');
select is(pg_temp.submit(:'token', pg_temp.done(:'a')), null, 'the right one');
select is(pg_temp.refusal(format('select * from tasker.complete_step(%L, %L)', :'a', :'token')),
  'TK001: its outcome was submitted and waits to be processed',
  'then it is too late for another way');

select * from finish();
rollback;
