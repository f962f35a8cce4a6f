begin;
\ir ../fixtures.psql
select plan(10);
-- 20 steps lead to one join: a wide one.
select pg_temp.a_template('wide',
  (select jsonb_object_agg('p' || i, '[]'::jsonb) || jsonb_build_object('join', jsonb_agg('p' || i))
    from generate_series(1, 20) as i));
select pg_temp.a_task('wide') as task \gset
select tasker._step_id(pg_temp.step(:'task', 'join')) as join_id \gset
create function pg_temp.finish (p_limit integer) returns integer language sql as $$
select tasker.finish_and_claim('test', 'w1', token, jsonb_agg(pg_temp.outcome(step_uuid)), 0)
  from tasker.claim_steps('test', 'w1', p_limit) group by token;
select waiting_parents from tasker.steps order by step_id desc limit 1
$$;

select is(pg_temp.finish(7), 13, 'seven of twenty');
select is(pg_temp.finish(1), 12, 'one');
select is(pg_temp.finish(7), 5, 'seven more');
select is((select count(*) from tasker.deferred_decrements), 0::bigint,
  'nobody held the row, so nothing was left for later');

-- What a busy row would have made others leave is taken along with the next one that finds it
-- free...
select pg_temp.a_claim(3) as token \gset
insert into tasker.deferred_decrements (step_id, amount) values (:join_id, 2), (:join_id, 1);
update tasker.steps set state = 'complete', finished_at = tasker._now() where claim_token = :'token'
 and state = 'in_progress';
delete from tasker.claims where token = :'token';
select is(pg_temp.finish(1), 1, 'deferred ones are counted with it, once');
select is_empty('select from tasker.deferred_decrements', 'and are gone');
-- ...or by a worker that has nothing else to do.
select pg_temp.a_claim(1) as token \gset
insert into tasker.deferred_decrements (step_id, amount) values (:join_id, 1);
update tasker.steps set state = 'complete', finished_at = tasker._now() where claim_token = :'token'
 and state = 'in_progress';
delete from tasker.claims where token = :'token';
select results_eq($$ select name from tasker.claim_steps('test', 'w2', 1) $$, array['join'],
  'a worker that finds the queue empty counts them, and gets the join');
select is_empty('select from tasker.deferred_decrements', 'they are gone');
select is((select count(*) from tasker._changes where id = :join_id
  and change = 'step pending -> enqueued'), 1::bigint, 'it was enqueued once');
select from tasker.complete_step(pg_temp.step(:'task', 'join'), (select token from tasker.claims));
select is(pg_temp.task_state(:'task'), 'complete', 'and ends the task');

select * from finish();
rollback;
