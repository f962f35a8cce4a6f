begin;
\ir ../fixtures.psql
select plan(2);
-- A call that comes twice is not an error: for the holder of the token alone.
select pg_temp.a_task() as task \gset
select pg_temp.a_claim() as token \gset
select format('[{"step_uuid": "%s"}]', pg_temp.step(:'task', 'only')) as done \gset
select from tasker.submit_step_results(:'token', :'done');
select is_empty(format('select * from tasker.submit_step_results(%L, %L)', :'token', :'done'),
  'to repeat changes nothing');
select throws_ok(format('select * from tasker.submit_step_results(gen_random_uuid(), %L)', :'done'),
  'TK001', null, 'another token is refused');

select * from finish();
rollback;
