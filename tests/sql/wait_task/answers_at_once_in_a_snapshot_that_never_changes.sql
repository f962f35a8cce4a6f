begin isolation level repeatable read;
\ir ../fixtures.psql
select plan(1);
select pg_temp.a_task() as task \gset
set local statement_timeout = '4 s';

select results_eq(
  format('select state, finished_at from tasker.wait_task(%L, ''10 seconds'')', :'task'),
  'values (''pending'', null::timestamptz)', 'no end could be seen here, so nobody waits for it');

select * from finish();
rollback;
