begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t');
select gen_random_uuid() as request \gset
select pg_temp.a_claim() as token \gset
select pg_temp.outcomes(pg_temp.outcome(pg_temp.step(task_uuid, 'a'))) as done
  from tasker.tasks \gset
select format('select step_uuid from tasker.finish_and_claim(''test'', ''w1'', %L, %L, p_request '
  '=> %L)',
              :'token', :'done', :'request') as call \gset

select is_empty(:'call', 'nothing is ready');
select is_empty(:'call', 'still');
select pg_temp.a_task('t');
create temp table answer as :call;
select is((select count(*) from answer), 1::bigint,
  'a repeated call that had found nothing claims');
select results_eq(:'call', 'table answer', 'and then answers that claim');
select is((select count(*) from tasker.claims), 1::bigint, 'there is one');
select is((select count(*) from pg_temp.history((table answer))), 2::bigint,
  'it was enqueued and claimed once');

select * from finish();
rollback;
