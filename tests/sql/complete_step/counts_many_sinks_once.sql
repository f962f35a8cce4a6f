begin;
\ir ../fixtures.psql
select plan(6);
-- A task of 20 sinks: its row is a wide join, too.
select pg_temp.a_template('wide',
  (select jsonb_object_agg('p' || i, '[]'::jsonb) from generate_series(1, 20) as i));
select pg_temp.a_task('wide') as task \gset
create function pg_temp.finish (p_limit integer) returns text language sql as $$
select tasker.finish_and_claim('test', 'w1', token, jsonb_agg(pg_temp.outcome(step_uuid)), 0)
  from tasker.claim_steps('test', 'w1', p_limit) group by token;
select state || ' ' || open_sinks from tasker.tasks
$$;

select is(pg_temp.finish(7), 'in_progress 13', 'seven of twenty');
select is(pg_temp.finish(7), 'in_progress 6', 'seven more');
select pg_temp.a_claim(5) as token \gset
insert into tasker.deferred_decrements (step_id, amount) values (tasker._step_id(:'task'), 4),
  (tasker._step_id(:'task'), 1);
update tasker.steps set state = 'complete', finished_at = tasker._now() where claim_token = :'token'
 and state = 'in_progress';
delete from tasker.claims where token = :'token';
select is((select affected from tasker.sweep() where action = 'joins_counted'), 1,
  'the sweep counts what was left for later');
select is((select state || ' ' || open_sinks from tasker.tasks), 'in_progress 1', 'once');
select is(pg_temp.finish(7), 'complete 0', 'the last one');
select is((select count(*) from tasker._changes where id = tasker._step_id(:'task')), 3::bigint,
  'created, begun, complete');

select * from finish();
rollback;
