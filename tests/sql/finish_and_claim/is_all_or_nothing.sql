begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('t', '{"a": []}');
select from tasker.create_tasks('test', 't', array_fill('{}'::jsonb, array[4]));
create temp table mine as select step_uuid, task_uuid, token, row_number() over (order by step_uuid)
 as n from tasker.claim_steps('test', 'w1', 3);
select token, task_uuid as task from mine where n = 2 \gset
create temp table other as select step_uuid, token from tasker.claim_steps('test', 'w2', 1);
create function pg_temp.report (p_token uuid, p_more jsonb) returns text language sql as $$
select pg_temp.refusal(format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L, 5)',
  p_token,
  (select jsonb_agg(pg_temp.outcome(step_uuid, '1')) from mine where n <> 2) || p_more))
$$;

select is(pg_temp.report(:'token', pg_temp.outcome((select step_uuid from other))),
  format('TK001: %s is in_progress, attempt 1', (select step_uuid from other)),
  'a step of another''s claim');
select is(pg_temp.report(:'token', pg_temp.outcome(gen_random_uuid())), 'TK002',
  'a step that does not exist');
select alike(pg_temp.report((select token from other), '[]'), 'TK001: %', 'another''s token');
select alike(pg_temp.report(gen_random_uuid(), '[]'), 'TK001: %', 'a forged token');
select alike(pg_temp.report(null, '[]'), '22023: token null, step %', 'no token');
select is((select count(*) from tasker.steps where state = 'in_progress'), 4::bigint,
  'nothing was applied');
select is((select array_agg(cardinality(step_ids) order by cardinality(step_ids))
  from tasker.claims), '{1,3}', 'the claims are as they were');

select from tasker.cancel_task(:'task', 'not wanted');
select alike(pg_temp.report(:'token', (select pg_temp.outcome(step_uuid) from mine where n = 2)),
  'TK001: % is cancelled, attempt 1', 'one that was cancelled');
select alike(pg_temp.report(:'token',
  (select jsonb_build_object('step_uuid', step_uuid, 'error', 'e') from mine where n = 2)),
  'TK001: % is cancelled, attempt 1', 'or has failed');
select is((select count(*) from tasker.steps where state = 'in_progress'), 3::bigint,
  'takes the whole call with it');
select is_empty('select from tasker.step_failures', 'nothing failed');
select is(pg_temp.report(:'token', '[]'), null, 'without it the others are done');
select is((select count(*) from tasker.steps where state = 'complete'), 2::bigint, 'both');
select is((select count(*) from tasker.claims where token = :'token'), 0::bigint,
  'and a cancelled step does not keep the claim');

select * from finish();
rollback;
