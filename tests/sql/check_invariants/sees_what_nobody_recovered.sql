begin;
\ir ../fixtures.psql
select plan(10);

select pg_temp.a_template('two', '{"a": [], "b": []}');
select pg_temp.a_task('two') as task \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'a'), '1')));
delete from pgmq.q_orchestration_step_results;

select pg_temp.later('60 seconds');
select is_empty('select * from tasker.check_invariants()', 'recovery takes its time');
select pg_temp.later('1 second');
select results_eq('select severity, invariant, step_uuid from tasker.check_invariants()',
  format('values (''convergence'', ''a submission is processed'', %L::uuid)',
    pg_temp.step(:'task', 'a')), 'a submission lies too long');
select pg_temp.later('30 seconds');
select set_eq('select severity, invariant, step_uuid from tasker.check_invariants()',
  format('values (''convergence'', ''a submission is processed'', %L::uuid), (''convergence'', '
    '''an expired claim is taken back'', %L)',
         pg_temp.step(:'task', 'a'), pg_temp.step(:'task', 'b')), 'and so does a claim');
select from tasker.sweep();
select is_empty('select * from tasker.check_invariants()', 'the sweep deals with both');

-- A join that was deferred because its row was locked, and never counted.
select pg_temp.a_template('join', '{"c": [], "d": [], "e": ["c", "d"]}');
select pg_temp.a_task('join') as wide \gset
select pg_temp.a_claim(3) as token \gset
select from tasker.complete_step(pg_temp.step(:'wide', 'c'), :'token');
update tasker.steps set waiting_parents = 2
 where step_id = tasker._step_id(pg_temp.step(:'wide', 'e'));
insert into tasker.deferred_decrements (step_id, amount)
 values (tasker._step_id(pg_temp.step(:'wide', 'e')), 1);
select from tasker.complete_step(pg_temp.step(:'wide', 'd'), :'token');
select is_empty('select * from tasker.check_invariants()', 'it may be counted later');
select pg_temp.later('61 seconds');
select results_eq('select severity, invariant, step_uuid from tasker.check_invariants()',
  format('values (''convergence'', ''a deferred join is counted'', %L::uuid)',
    pg_temp.step(:'wide', 'e')), 'but soon');
select from tasker.sweep();
select is_empty('select * from tasker.check_invariants()', 'the sweep counts it');

-- A dropped queue.
select pgmq.drop_queue('test_queue_low');
select results_eq('select severity, invariant, detail, task_uuid from tasker.check_invariants()',
  $$ values ('convergence', 'every queue exists', 'pgmq.q_test_queue_low is missing',
    null::uuid) $$, 'a queue is missing');
select results_eq(format('select invariant from tasker.check_invariants(%L)', :'task'),
  $$ values ('every queue exists') $$, 'also for a task of its namespace');
select from tasker.sweep();
select is_empty('select * from tasker.check_invariants()', 'the sweep makes it again');

select * from finish();
rollback;
