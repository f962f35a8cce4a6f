begin;
\ir ../fixtures.psql
select plan(2);

select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
-- The claim is made while the statement runs that asks: its steps are those from before the claim.
select results_eq(
  format($$ select (select count(*) from tasker.claim_steps('test', 'w1')),
                   (select code from tasker.explain_step(%L) limit 1) $$, :'step'),
  $$ values (1::bigint, 'no_worker') $$, 'and so is its message: it is not lost');
select is((select code from tasker.explain_step(:'step')), 'running', 'it is claimed now');

select * from finish();
rollback;
