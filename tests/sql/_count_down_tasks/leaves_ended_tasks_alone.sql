begin;
\ir ../fixtures.psql
select plan(3);
-- What was deferred for a wide task may be counted after somebody has cancelled it.
select pg_temp.a_template('pair', '{"a": [], "b": []}');
select pg_temp.a_task('pair') as open, pg_temp.a_task('pair') as cancelled \gset
select pg_temp.a_claim(4);
select from tasker.cancel_task(:'cancelled', 'no need');
select format('select ids, changes::text[] from tasker._count_down_tasks(array[%s, %s], null, '
  'tasker._now())', tasker._step_id(:'open'), tasker._step_id(:'cancelled')) as count_down \gset

select results_eq(:'count_down', $$ values ('{}'::bigint[], '{}'::text[]) $$,
  'one sink each: no task ends');
select results_eq('select state::text, open_sinks from tasker.tasks order by task_id',
  $$ values ('in_progress', 1), ('cancelled', 2) $$, 'the cancelled one is as it was');
select results_eq(:'count_down',
  format($$ values (array[%s]::bigint[], '{task in_progress -> complete}'::text[]) $$,
    tasker._step_id(:'open')), 'the other ends');

select * from finish();
rollback;
