begin;
\ir ../fixtures.psql
select plan(7);
-- a and b begin at once, c needs a, d needs both; they take 10, 3, 5 and 1 seconds.
select pg_temp.a_template('flow', '{"a": [], "b": [], "c": ["a"], "d": ["b", "c"]}',
  '{"max_attempts": 1}');
create function pg_temp.finish (p_task uuid, p_name text, p_ok boolean default true) returns void
 language plpgsql as $$
declare
  v_token uuid := (select claim_token from tasker.steps
    where step_id = tasker._step_id(pg_temp.step(p_task, p_name)));
begin
  if p_ok then perform tasker.complete_step(pg_temp.step(p_task, p_name), v_token);
  else perform tasker.fail_step(pg_temp.step(p_task, p_name), v_token, '"no"'); end if;
end
$$;
create function pg_temp.path (p_task uuid)
 returns table (name text, is_critical boolean, ends integer, is_estimated boolean, slack integer,
   task_ends integer, based_on integer)
language sql as $$
select p.name, p.is_critical, extract(epoch from p.ends_at - t.created_at)::integer, p.is_estimated,
extract(epoch from p.slack)::integer,
       extract(epoch from p.task_ends_at - t.created_at)::integer, p.based_on
  from tasker.critical_path(p_task) as p, tasker.tasks as t where t.task_uuid = p_task
$$;
select pg_temp.a_task('flow') as task \gset
select is((select bool_or(is_critical) or bool_or(ends_at is not null)
  from tasker.critical_path(:'task')), false, 'nothing is known of the first of its kind');
select pg_temp.a_claim(9);
select pg_temp.later('3 seconds');
select pg_temp.finish(:'task', 'b');
select pg_temp.later('7 seconds');
select pg_temp.finish(:'task', 'a');
select pg_temp.a_claim(9);
select pg_temp.later('5 seconds');
select pg_temp.finish(:'task', 'c');
select pg_temp.a_claim(9);
select pg_temp.later('1 second');
select pg_temp.finish(:'task', 'd');
select results_eq(format('select name, is_critical, ends, is_estimated, slack, task_ends from '
  'pg_temp.path(%L)', :'task'), $$ values
  ('a', true, 10, false, 0, 16), ('b', false, 3, false, 12, 16), ('c', true, 15, false, 0, 16),
  ('d', true, 16, false, 0, 16) $$, 'afterwards');

select pg_temp.a_task('flow') as next \gset
select results_eq(format('select * from pg_temp.path(%L)', :'next'), $$ values
  ('a', true, 10, true, 0, 16, 1), ('b', false, 3, true, 12, 16, 1),
  ('c', true, 15, true, 0, 16, 1), ('d', true, 16, true, 0, 16, 1) $$,
  'the next is to take as long');
select pg_temp.a_claim(9);
select pg_temp.later('12 seconds');
select pg_temp.finish(:'next', 'a');
select results_eq(format('select * from pg_temp.path(%L)', :'next'), $$ values
  ('a', true, 12, false, 0, 18, 1), ('b', false, 12, true, 5, 18, 1),
  ('c', true, 17, true, 0, 18, 1), ('d', true, 18, true, 0, 18, 1) $$, 'a was late, b still is');
select pg_temp.finish(:'next', 'b', false);
select results_eq(format('select name, is_critical, ends, is_estimated, slack, task_ends, based_on '
  'from pg_temp.path(%L)', :'next'), $$ values
  ('a', false, 12, false, null::integer, null::integer, 1),
  ('b', false, null, false, null, null, 1), ('c', false, 17, true, null, null, 1),
  ('d', false, null, false, null, null, 1) $$,
  'nobody can tell when b will be dealt with');
select from tasker.resolve_step(pg_temp.step(:'next', 'b'), 'by hand');
select is((select count(*) from tasker.critical_path(:'next') where is_critical), 3::bigint,
  'now it goes on');
select alike(pg_temp.refusal('select * from tasker.critical_path(gen_random_uuid())'), 'TK002%',
  'no such task');

select * from finish();
rollback;
