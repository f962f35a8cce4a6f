begin;
\ir ../fixtures.psql
select plan(6);
select pg_temp.a_template('t', '{"a": [], "b": [], "c": ["a", "b"], "d": ["c"]}');
create function pg_temp.said (p_task uuid) returns table (code text, steps integer, name text)
 language sql as $$
select code, steps, split_part(reason, ':', 1) from tasker.explain_task(p_task)
$$;

select task_uuid as later
 from tasker.create_task('test', 't', '{}', '{"run_at": "2030-01-02T00:00:00Z"}') \gset
select results_eq(format('select * from pg_temp.said(%L)', :'later'),
  $$ values ('scheduled', 2, 'a') $$, 'those whose time has not come');

select pg_temp.a_task('t') as task \gset
select from tasker.pause_task(:'task', 'wait');
select results_eq(format('select * from pg_temp.said(%L)', :'task'),
  $$ values ('task_paused', 2, 'a'), ('no_worker', 2, 'a') $$, 'not those that wait for others');
select from tasker.resume_task(:'task', 'go on');

-- The one that has waited longest stands for all.
select pg_temp.later('10 seconds');
select pg_temp.a_claim() as token \gset
select from tasker.release_claim(:'token');
select results_eq(format('select * from pg_temp.said(%L)', :'task'),
  $$ values ('no_worker', 2, 'b') $$, 'b has waited longest');

-- A join that is yet to be counted could move.
select from tasker.claim_steps('test', 'w1', 2);
insert into tasker.deferred_decrements (step_id, amount)
 values (tasker._step_id(pg_temp.step(:'task', 'c')), 1);
select results_eq(format('select * from pg_temp.said(%L)', :'task'),
  $$ values ('uncounted', 1, 'c'), ('running', 2, 'a') $$, 'a join to be counted');
delete from tasker.deferred_decrements;
delete from tasker.claims;
update tasker.steps set state = 'enqueued', claim_token = null where state = 'in_progress';
select from tasker.sweep();
select cmp_ok(pg_temp.run_all(), '>=', 0, 'it runs on');
select is((select count(*) from tasker.explain_task(:'later') where code = 'ended'), 0::bigint,
  'the other has not ended');

select * from finish();
rollback;
