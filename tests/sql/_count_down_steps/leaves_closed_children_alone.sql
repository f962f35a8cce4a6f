begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain') as task \gset
select tasker._step_id(pg_temp.step(:'task', 'b')) as b \gset
select from tasker.cancel_task(:'task', 'not wanted');

select results_eq(format('select ids, changes::text[] from tasker._count_down_steps(array[%s], '
  'null, tasker._now())', :'b'), $$ values ('{}'::bigint[], '{}'::text[]) $$, 'no change');
select results_eq(format('select state::text, waiting_parents from tasker.steps where step_id = %s',
  :'b'), $$ values ('cancelled', 1) $$, 'a cancelled child stays as it is');
select is((select count(*) from pg_temp.queued('test_queue') as id where id = :b), 0::bigint,
  'and is not sent');
select results_eq('select ids from tasker._count_down_steps(''{}'', null, tasker._now())',
  $$ values ('{}'::bigint[]) $$, 'no children, no change');

-- More parents than it waits for would be a lie: the table refuses it.
select pg_temp.a_task('chain') as task \gset
select throws_ok(format('select tasker._count_down_steps(array[%s], jsonb_build_object(%1$s, 2), '
  'tasker._now())', tasker._step_id(pg_temp.step(:'task', 'b'))), '23514', null,
  'a child counted too often');
select is(pg_temp.step_state(pg_temp.step(:'task', 'b')), 'pending', 'is not enqueued');

select * from finish();
rollback;
