-- A task whose first step was done by hand has begun, no matter who does the rest.
begin;
\ir ../fixtures.psql
select plan(6);

select pg_temp.a_template('chain', '{"a": [], "b": ["a"], "c": ["b"]}');
select pg_temp.a_task('chain') as task \gset
select pg_temp.step(:'task', 'a') as a \gset

select results_eq(
  format('select step_state, task_state from tasker.complete_step_manually(%L, ''1'', ''by hand'')',
    :'a'),
  $$ values ('complete', 'in_progress') $$, 'the task has begun');
select isnt((select started_at from tasker.tasks), null, 'and says when');
select results_eq(format('select pg_temp.history(%L)', :'task'),
  array['task created', 'task pending -> in_progress'], 'and history says so');

select is(pg_temp.run_all(), 2, 'a worker does the rest');
select is(pg_temp.task_state(:'task'), 'complete', 'to the end');
select results_eq(format('select pg_temp.history(%L)', :'task'),
  array['task created', 'task pending -> in_progress', 'task in_progress -> complete'],
  'it began once');

select * from finish();
rollback;
