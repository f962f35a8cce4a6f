begin;
\ir ../fixtures.psql
select plan(3);
-- Steps move while their messages are looked for: here, as soon as that is done, one is claimed and
-- one is given back.
select pg_temp.a_template('t', '{"a": []}');
create temp table task as select i, pg_temp.a_task('t') as task from generate_series(1, 3) as i;
select from pgmq.purge_queue('test_queue');
select pg_temp.later('1 minute');
create or replace function tasker._lost_steps (p_queue text, p_step_ids bigint[],
  p_enqueued timestamptz[], p_most integer default null) returns bigint[] language plpgsql as $$
begin
  update tasker.steps set state = 'in_progress' where step_id = p_step_ids[1];
  update tasker.steps set enqueued_at = tasker._now() where step_id = p_step_ids[2];
  return p_step_ids;
end
$$;

select is(tasker._restore_messages(array_agg(step_id order by step_id), array_agg(template_id),
  array_agg(priority), array_agg(enqueued_at),
                                   tasker._now() - interval '5 seconds', tasker._now()), 1,
                        'one is still lost') from tasker.steps;
select results_eq($$ select pg_temp.queued('test_queue') $$,
  $$ select tasker._step_id(pg_temp.step(task, 'a')) from task where i = 3 $$,
  'that which did not move');
select results_eq($$ select pg_temp.step_state(pg_temp.step(task, 'a')) from task order by i $$,
  $$ values ('in_progress'), ('enqueued'), ('enqueued') $$,
  'nothing else has changed');

select * from finish();
rollback;
