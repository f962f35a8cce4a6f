begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(9);

select pg_temp.a_template('join', '{"a": [], "b": [], "c": ["a", "b"], "d": ["c"]}');
select pg_temp.a_task('join') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select tasker._step_id(pg_temp.step(:'task', 'c')) as c \gset

select is_empty('select * from tasker.check_invariants()', 'one of two parents is done');
select pg_temp.sees(format('update tasker.steps set waiting_parents = 2 where step_id = %s', :c),
  'safety: a step waits for exactly its open parents');
select pg_temp.sees('update tasker.tasks set open_sinks = 2',
  'safety: a task waits for exactly its open sinks');

-- What is deferred belongs to the count.
select pg_temp.sees(format('insert into tasker.deferred_decrements (step_id, amount) values (%s, '
  '1)', :c),
  'safety: a step waits for exactly its open parents');
select pg_temp.sees(format('insert into tasker.deferred_decrements (step_id, amount) values (%1$s, '
  '1);
                            update tasker.steps set waiting_parents = 2 where step_id = %1$s', :c),
                        variadic '{}');
select pg_temp.sees('insert into tasker.deferred_decrements (step_id, amount) values (1, 1)',
  'safety: a deferred decrement has a step or task');

-- A child may not run before its parents, whatever its counter says.
select pg_temp.a_claim(9) as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'b'), :'token');
select pg_temp.later('1 second');
select pg_temp.a_claim(9) as token \gset
select pg_temp.sees('update tasker.steps set finished_at = finished_at + interval ''5 '
  'minutes'' where state = ''complete''',
  'safety: no step runs before its parents');
select pg_temp.sees('update tasker.steps set state = ''error'' where step_id & 1048575 = 1',
  'safety: a failed step is listed until it is dealt with',
  'safety: a step waits for exactly its open parents',
  'safety: a task is blocked exactly while it has a failed step',
  'safety: no step runs before its parents', 'safety: the state is where history ends');

-- The answer says where and what.
update tasker.tasks set open_sinks = 2;
select results_eq('select severity, task_uuid, step_uuid, detail from tasker.check_invariants()',
  format('values (''safety'', %L::uuid, null::uuid, ''in_progress, waits for 2 sinks, 0 deferred, '
    '1 are open'')', :'task'), 'says where and what');

select * from finish();
rollback;
