begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(:'step', :'token', '"no"', true, '1 day');
select results_eq(format('select step_state, task_state from tasker.retry_step(%L, ''now'')',
  :'step'),
  $$ values ('enqueued', 'in_progress') $$, 'it need not wait');
select is((select attempt from tasker.steps), 1::smallint, 'its attempts go on');
select is_empty('select from tasker.timers', 'its timer is gone');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'it has one message');
select pg_temp.later('2 days');
select is((select affected from tasker.sweep() where action = 'timers_fired'), 0,
  'nothing fires later');
select results_eq('select attempt from tasker.claim_steps(''test'', ''w1'')', array[2],
  'the second attempt');

select * from finish();
rollback;
