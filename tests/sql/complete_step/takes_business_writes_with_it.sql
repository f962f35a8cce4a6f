begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as step \gset
select pg_temp.a_claim() as token \gset
create temp table business (what text);

-- A handler's own writes and its result, in one transaction; a stale token raises, and they roll
-- back.
create function pg_temp.handle (p_step uuid, p_token uuid) returns void language sql as $$
insert into business values ('paid');
select from tasker.complete_step(p_step, p_token)
$$;
select throws_ok(format('select pg_temp.handle(%L, %L)', :'step', gen_random_uuid()), 'TK001', null,
  'a stale token');
select is_empty('select from business', 'takes the writes with it');
select lives_ok(format('select pg_temp.handle(%L, %L)', :'step', :'token'), 'the right one');
select results_eq('select what, pg_temp.step_state(''' || :'step' || ''') from business',
  $$ values ('paid', 'complete') $$, 'makes both true at once');

select * from finish();
rollback;
