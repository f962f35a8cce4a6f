begin;
\ir ../fixtures.psql
select plan(3);
-- The attempt that the sweep wrote down as lost is not one that its worker reported.
select pg_temp.a_task() as task \gset
select pg_temp.a_claim() as token \gset
select pg_temp.later('31 seconds');
select from tasker.sweep();
select pg_temp.step(:'task', 'only') as step \gset
create function pg_temp.report (p_token uuid, p_outcome text) returns text language sql as $$
select pg_temp.refusal(format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L)', p_token, p_outcome))
$$;
select is(pg_temp.report(:'token', format('[{"step_uuid": "%s", "error": "no"}]', :'step')), format('TK001: %s is enqueued, attempt 1', :'step'), 'a failure is refused');
select is(pg_temp.report(:'token', format('[{"step_uuid": "%s"}]', :'step')), format('TK001: %s is enqueued, attempt 1', :'step'), 'and so is a result');
select is((select count(*) from tasker.step_failures), 1::bigint, 'nothing is written down');

select * from finish();
rollback;
