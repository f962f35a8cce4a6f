begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('diamond',
  '{"start": [], "left": ["start"], "right": ["start"], "end": ["left", "right"]}');
select pg_temp.a_task('diamond') as task \gset
select pg_temp.step(:'task', 'left') as left, pg_temp.step(:'task', 'right') as right \gset
create temp view waiting as select waiting_parents, state::text from tasker.steps
 where step_id =
   tasker._step_id(pg_temp.step((select task_uuid from tasker.tasks order by task_id desc limit 1),
     'end'));

-- One after the other.
select tasker.complete_step(pg_temp.step(:'task', 'start'), pg_temp.a_claim());
select pg_temp.a_claim(2) as token \gset
select results_eq('select * from waiting', $$ values (2, 'pending') $$, 'it waits for two');
select results_eq(format('select step_state, task_state from tasker.complete_step(%L, %L)',
  :'right', :'token'), $$ values ('complete', 'in_progress') $$, 'the second');
select results_eq('select * from waiting', $$ values (1, 'pending') $$, 'it waits for one');
select from tasker.complete_step(:'left', :'token');
select results_eq('select * from waiting', $$ values (0, 'enqueued') $$, 'then for none');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'with one message');
select is(pg_temp.run_all(), 1, 'it runs once');

-- Both in one batch: one update must count two.
select pg_temp.a_task('diamond') as task \gset
select tasker.complete_step(pg_temp.step(:'task', 'start'), pg_temp.a_claim());
select pg_temp.a_claim(2) as token \gset
select from tasker.finish_and_claim('test', 'w1', :'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'left')),
                   pg_temp.outcome(pg_temp.step(:'task', 'right'))), 0);
select results_eq('select * from waiting', $$ values (0, 'enqueued') $$,
  'both at once are counted as two');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'with one message');
select is((select count(*) from tasker._changes
  where id = tasker._step_id(pg_temp.step(:'task', 'end'))), 1::bigint, 'and one row of history');

select * from finish();
rollback;
