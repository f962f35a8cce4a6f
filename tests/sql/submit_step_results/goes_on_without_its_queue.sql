begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_task() as task \gset
select pg_temp.a_claim() as token \gset
select from pgmq.drop_queue('orchestration_step_results');
select results_eq(format('select steps from tasker.submit_step_results(%L, ''[{"step_uuid": '
  '"%s"}]'')', :'token', pg_temp.step(:'task', 'only')), array[1], 'it is submitted');
select pg_temp.later('6 seconds');
select is((select affected from tasker.sweep() where action = 'submissions_processed'), 1,
  'the sweep applies it');
select is(pg_temp.task_state(:'task'), 'complete', 'to the end');
select has_table('pgmq', 'q_orchestration_step_results', 'and the queue is there again');

select * from finish();
rollback;
