begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('other', '{"a": []}', p_namespace => 'elsewhere');
select pg_temp.a_task('other', p_namespace => 'elsewhere');
select pg_temp.a_task('single') from generate_series(1, 4);
select pg_temp.a_task('single') as task \gset
prepare said as select code, substring(reason from '; (.*)')
 from tasker.explain_step(pg_temp.step(:'task', 'only'));
prepare nobody as
 values ('no_worker', 'no live worker serves namespace test (no runner was seen within a day)');
create function pg_temp.served (p_workers integer) returns text language sql as $$
select format($f$ values ('queued', '%s serve namespace test') $f$, p_workers || ' workers')
$$;

select results_eq('said', 'nobody', 'nobody');
select pg_temp.a_claim(1, 'w0', p_namespace => 'elsewhere');
select from tasker.await_work('{elsewhere}', 'w0');
select results_eq('said', 'nobody', 'those of another namespace do not serve it');

select pg_temp.a_claim(1, 'w1') from generate_series(1, 2);
select pg_temp.a_claim(1, 'w2', '1 minute');
select from tasker.await_work('{test}', 'w1', '20 seconds');
select from tasker.await_work('{test}', 'w3', '20 seconds');
select results_eq('said', pg_temp.served(3), 'a worker with two claims is one');
select pg_temp.later('25 seconds');
select results_eq('said', pg_temp.served(2), 'who does not wait any more does not serve it');
select pg_temp.later('10 seconds');
select results_eq('said', $$ values ('queued', '1 worker serves namespace test') $$,
  'nor who has lost a claim');
select pg_temp.later('1 minute');
select results_eq('said', 'nobody', 'nobody again');
select is((select count(*) from tasker.explain_step(pg_temp.step(:'task', 'only'))), 1::bigint,
  'and nothing else');

select * from finish();
rollback;
