begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_task() as task \gset
select pg_temp.a_claim() as token \gset

-- Nobody has swept: the work is done, and nobody else has begun it.
select pg_temp.later('1 hour');
select results_eq(format('select step_state, task_state from tasker.complete_step(%L, %L)',
  pg_temp.step(:'task', 'only'), :'token'),
  $$ values ('complete', 'complete') $$, 'late, but still the holder');
select is_empty('select from tasker.claims', 'its claim is gone');
select is((select affected from tasker.sweep() where action = 'claims_taken_back'), 0,
  'so nothing is taken back');

select * from finish();
rollback;
