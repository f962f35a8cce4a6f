begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(12);

select pg_temp.a_template('two', '{"a": [], "b": []}', '{"max_attempts": 1}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.sees('insert into tasker.unfinalized_tasks select task_id, tasker._now() from '
  'tasker.tasks',
  'safety: a task is listed as unfinalized while its last step does not decide its end');
select pg_temp.sees('update tasker.tasks set state = ''complete'', finished_at = tasker._now(); '
  'delete from tasker.open_tasks',
  'safety: a complete task has only steps that are done',
  'safety: the state is where history ends');
select pg_temp.sees('update tasker.tasks set state = ''cancelled'', finished_at = tasker._now(); '
  'delete from tasker.open_tasks',
  'safety: a cancelled or resolved task has no open step',
  'safety: the state is where history ends');
select pg_temp.sees('update tasker.tasks set state = ''error'', finished_at = tasker._now(); '
  'delete from tasker.open_tasks',
  'safety: a task in error has a failed step, and none that can move',
  'safety: the state is where history ends');
select pg_temp.sees('update tasker.tasks set state = ''blocked_by_failures''',
  'safety: a task is blocked exactly while it has a failed step',
  'safety: a task is listed as unfinalized while its last step does not decide its end',
  'safety: the state is where history ends');
select pg_temp.sees('update tasker.tasks set open_sinks = 0',
  'safety: a task is listed as unfinalized while its last step does not decide its end',
  'safety: a task waits for exactly its open sinks',
  'convergence: a task in which nothing can move is finalized');

-- Blocked, with nothing left to run, and nobody sweeps.
select pg_temp.a_task('two') as blocked \gset
select pg_temp.a_claim(1) as first \gset
select pg_temp.a_claim(1) as second \gset
select from tasker.fail_step(pg_temp.step(:'blocked', 'a'), :'first', '"no"');
select is(pg_temp.task_state(:'blocked'), 'blocked_by_failures', 'the other step still runs');
select is_empty('select * from tasker.check_invariants()', 'nothing is wrong');
select pg_temp.sees(format('delete from tasker.unfinalized_tasks'),
  'safety: a task is listed as unfinalized while its last step does not decide its end');
update tasker.claims set lease_until = lease_until + interval '1 hour';
select pg_temp.later('61 seconds');
select is_empty('select * from tasker.check_invariants()', 'it may run for long');

-- A processor that claimed a task for finalization and went away.
select pg_temp.sees('insert into tasker.finalization_claims select max(task_id), '
  'gen_random_uuid(), ''p'', tasker._now(), tasker._now() - interval ''59 seconds'' from '
  'tasker.tasks',
  variadic '{}');
select pg_temp.sees('insert into tasker.finalization_claims select max(task_id), '
  'gen_random_uuid(), ''p'', tasker._now(), tasker._now() - interval ''61 seconds'' from '
  'tasker.tasks',
  'convergence: a finalization claim ends');

select * from finish();
rollback;
