begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_template('t', '{"a": []}', '{"max_attempts": 1}');
select pg_temp.a_task('t') from generate_series(1, 4);
create function pg_temp.asked (p_request uuid, p_limit integer default 2) returns setof uuid
language sql as $$
select step_uuid from tasker.claim_steps('test', 'w1', p_limit, p_request => p_request)
$$;
select gen_random_uuid() as one, gen_random_uuid() as two, gen_random_uuid() as three \gset

-- The reply was lost, and the call is made again.
create temp table first as select asked from pg_temp.asked(:'one');
select is((select count(*) from first), 2::bigint, 'a claim');
select results_eq(format('select pg_temp.asked(%L)', :'one'), 'table first', 'the same again');
select results_eq(format('select pg_temp.asked(%L, 99)', :'one'), 'table first', 'however often');
select is((select count(*) from tasker.claims), 1::bigint, 'there is one claim');
select is((select max(attempt) from tasker.steps), 1::smallint, 'and no attempt is lost');
select is_empty(format('select pg_temp.asked(%L) intersect table first', :'two'),
  'another request gets other steps');

-- What is left of it, and afresh when nothing is.
select token from tasker.claims where request = :'one' \gset
select tasker.complete_step((select min(asked::text)::uuid from first), :'token');
select results_eq(format('select pg_temp.asked(%L)', :'one'),
  'select max(asked::text)::uuid from first',
  'what is left of the claim');
select tasker.complete_step((select max(asked::text)::uuid from first), :'token');
select is_empty(format('select pg_temp.asked(%L)', :'one'),
  'nothing is left, and nothing is there');
select is_empty(format('select from tasker.claims where request = %L', :'one'), 'nor is a claim');
select pg_temp.a_task('t');
select is((select count(*) from pg_temp.asked(:'one')), 1::bigint, 'it claims afresh');
select token as fresh from tasker.claims where request = :'one' \gset
select isnt(:'fresh'::text, :'token', 'under another token');

-- A claim that was taken back is not answered.
select pg_temp.later('31 seconds');
select from tasker.sweep();
select is_empty(format('select pg_temp.asked(%L)', :'one'), 'its only attempt is spent');
select is_empty(format('select pg_temp.asked(%L)', :'three'), 'nobody else gets it');

select * from finish();
rollback;
