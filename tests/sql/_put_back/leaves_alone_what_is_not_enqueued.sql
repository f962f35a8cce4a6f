begin;
\ir ../fixtures.psql
select plan(2);
-- Between the moment when a claim found a step busy and this one, its holder may have cancelled it.
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as open, pg_temp.a_task('t') as cancelled \gset
select array[tasker._step_id(pg_temp.step(:'open', 'a')),
  tasker._step_id(pg_temp.step(:'cancelled', 'a'))] as busy \gset
select from pgmq.purge_queue('test_queue');
select from tasker.cancel_task(:'cancelled', 'no need');

select tasker._put_back(:'busy', tasker._now());
select results_eq($$ select pg_temp.queued('test_queue') $$,
  format('values (%s::bigint)', tasker._step_id(pg_temp.step(:'open', 'a'))),
  'only the open one gets its pointer back');
select tasker._put_back(array[tasker._step_id(pg_temp.step(:'cancelled', 'a'))], tasker._now());
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'one that has ended none');

select * from finish();
rollback;
