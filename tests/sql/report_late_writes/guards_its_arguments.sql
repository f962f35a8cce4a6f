begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
prepare nothing as select * from tasker.late_writes;

select is(pg_temp.refusal(format('select * from tasker.report_late_writes(null, array[%L::uuid], '
  '''w'')', :'step')), '22023: p_token is null', 'a token');
select is(pg_temp.refusal('select * from tasker.report_late_writes(gen_random_uuid(), null, '
  '''w'')'), '22023: got null, need 1 to 1000', 'steps');
select is(pg_temp.refusal('select * from tasker.report_late_writes(gen_random_uuid(), ''{}'', '
  '''w'')'), '22023: got 0, need 1 to 1000', 'at least one');
select is(pg_temp.refusal('select * from tasker.report_late_writes(gen_random_uuid(), '
  'array[null]::uuid[], ''w'')'), '22023: p_step_uuid is null', 'none of them null');
select alike(pg_temp.refusal('select * from tasker.report_late_writes(gen_random_uuid(), '
  'array[gen_random_uuid()], ''w'')'), 'TK002: step %', 'that exist');
select alike(pg_temp.refusal(format('select * from tasker.report_late_writes(gen_random_uuid(), '
  'array[%L::uuid], null)', :'step')), '22023: %', 'a worker');
select is_empty('nothing', 'nothing was counted');

select * from finish();
rollback;
