begin;
\ir ../fixtures.psql
select plan(2);
-- It has little patience with rows that others hold; its caller's is the caller's business.
select pg_temp.a_task();
set local lock_timeout = '42s';
select isnt(pg_temp.a_claim(), null, 'a claim');
select is(current_setting('lock_timeout'), '42s', 'leaves the setting as it was');

select * from finish();
rollback;
