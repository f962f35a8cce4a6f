begin;
\ir ../fixtures.psql
select plan(6);
-- Two calls report one step each of the same claim, between calls for another claim: each has an
-- answer of its own.
select pg_temp.a_template('t', '{"a": []}');
create temp table task as select i, pg_temp.step(pg_temp.a_task('t'), 'a') as step
 from generate_series(1, 6) as i;
select pg_temp.a_claim(2, 'w1') as mine, pg_temp.a_claim(1, 'w2') as other \gset
create function pg_temp.report (p_token uuid, p_i integer) returns table (step uuid, token uuid)
 language sql as $$
select step_uuid,
token from tasker.finish_and_claim('test', 'w', p_token,
  (select pg_temp.outcomes(pg_temp.outcome(step)) from task where i = p_i))
$$;
create temp table answered as
select 'other' as call, report.* from pg_temp.report(:'other', 3) as report;
insert into answered select 'first', report.* from pg_temp.report(:'mine', 1) as report;
insert into answered select 'second', report.* from pg_temp.report(:'mine', 2) as report;

select results_eq('select i from answered join task using (step) order by call', array[5, 4, 6],
  'each call has claimed a step');
select is((select count(distinct token) from answered), 3::bigint, 'under a token of its own');
select results_eq(format('select * from pg_temp.report(%L, 1)', :'mine'),
  $$ select step, token from answered where call = 'first' $$, 'the first is answered again');
select results_eq(format('select * from pg_temp.report(%L, 2)', :'mine'),
  $$ select step, token from answered where call = 'second' $$, 'the second, too');
select results_eq(format('select * from pg_temp.report(%L, 3)', :'other'),
  $$ select step, token from answered where call = 'other' $$, 'and the other');
select is((select count(*) from tasker.claims), 3::bigint, 'to repeat has claimed nothing');

select * from finish();
rollback;
