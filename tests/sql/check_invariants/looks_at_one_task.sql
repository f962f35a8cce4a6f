begin;
\ir ../fixtures.psql
select plan(5);

select pg_temp.a_task() as good \gset
select pg_temp.a_task() as bad \gset
select pg_temp.run_all();
update tasker.steps set attempt = 9 where step_id = tasker._step_id(pg_temp.step(:'bad', 'only'));
update tasker.tasks set open_sinks = 1 where task_uuid = :'bad';
delete from tasker.transitions where 'task created' = any (changes)
 and tasker._step_id(:'bad') = any (ids);

select is_empty(format('select * from tasker.check_invariants(%L)', :'good'),
  'nothing is wrong with this one');
select results_eq(format('select * from tasker.check_invariants(%L)', :'bad'),
  'select * from tasker.check_invariants()',
  'all that is wrong is wrong with that one');
select is((select count(*) from tasker.check_invariants(:'bad')), 4::bigint,
  'counter, attempts, two chains');
select throws_ok(format('select * from tasker.check_invariants(%L)', gen_random_uuid()), 'TK002');
select throws_ok(format('select * from tasker.check_invariants(%L)', pg_temp.step(:'bad', 'only')),
  'TK002', null, 'a step is not a task');

select * from finish();
rollback;
