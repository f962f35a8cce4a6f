begin;
\ir ../fixtures.psql
select plan(3);
select pg_temp.a_task() as task \gset
select is(pg_temp.refusal(format('select from tasker.set_deadline(%L, null, null)', :'task'))
  like '22023%', true, 'a reason');
select is(pg_temp.refusal('select from tasker.set_deadline(null, null, ''x'')') like '22023%', true,
  'a task');
select is(pg_temp.refusal(format('select from tasker.set_deadline(%L, null, ''x'')',
  '01900000-0000-7000-8fff-fffffff00000')) like 'TK002%', true, 'that there is');
select * from finish();
rollback;
