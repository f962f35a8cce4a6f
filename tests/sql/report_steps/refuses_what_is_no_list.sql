begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset
create function pg_temp.refused (p_token uuid, p_outcomes jsonb) returns text language sql as $$
select pg_temp.refusal(format('select from tasker.report_steps(%L, %L)', p_token, p_outcomes))
$$;
select is(pg_temp.refused(:'token', outcomes), '22023: ' || detail, detail)
  from (values ('1'::jsonb, 'got number'), ('{}', 'got object'), (null, 'got null'),
    ('[1]', 'entry 1: not an object'),
               ('[{}]', 'entry 1: step_uuid must be a uuid'),
               ('[{"step_uuid": "x"}]', 'entry 1: step_uuid must be a uuid'))
               as wrong (outcomes, detail);
select alike(pg_temp.refused(:'token', pg_temp.outcomes(pg_temp.outcome(:'step') || more)),
  '22023: entry 1: ' || detail, detail)
  from (values ('{"result": 1, "error": 2}'::jsonb, 'has both%'),
    ('{"outcome": 1}', 'unknown key; known are%'), ('{"retryable": true}', 'retryable and %'))
    as wrong (more, detail);
select is(pg_temp.refused(:'token',
  pg_temp.outcomes(pg_temp.outcome(:'step'), pg_temp.outcome(:'step'))),
  '22023: a step is named twice', 'twice');
select is(pg_temp.refused(null, '[]'), '22023: p_token is null', 'without a token');
select alike(pg_temp.refused(:'token',
  (select jsonb_agg('{}'::jsonb) from generate_series(1, 1001))), 'TK006: 1001 %', 'too many');
select is(pg_temp.step_state(:'step'), 'in_progress', 'nothing was applied');

select * from finish();
rollback;
