begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_template('u', '{"a": []}');
create function pg_temp.claimed () returns setof text language sql as $$
select context ->> 'is' from tasker.claim_steps('test', 'w1', 10) order by 1
$$;

select pg_temp.a_task('t', '{"is": "1"}');
select from tasker.pause_namespace('test', 'maintenance');
select is_empty('select pg_temp.claimed()', 'a paused namespace hands out nothing');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint, 'and keeps its messages');
select from tasker.resume_namespace('test', 'done');
select results_eq('select pg_temp.claimed()', array['1'], 'until it is resumed');

select pg_temp.a_task('t', '{"is": "2"}');
select pg_temp.a_task('u', '{"is": "3"}');
select from tasker.pause_template('test', 't', 'broken');
select results_eq('select pg_temp.claimed()', array['3'],
  'of a paused template nothing, of another everything');
select is((select attempt from tasker.steps where state = 'enqueued'), 0::smallint,
  'no attempt is lost');
select is((select count(*) from tasker.tasks where state = 'pending'), 1::bigint,
  'and no task has begun');
select from tasker.resume_template('test', 't', 'repaired');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select results_eq('select pg_temp.claimed()', array['2'], 'until it is resumed');

select pg_temp.a_task('t', '{"is": "4"}') as task \gset
select pg_temp.a_task('t', '{"is": "5"}');
select from tasker.pause_task(:'task', 'wait');
select results_eq('select pg_temp.claimed()', array['5'],
  'of a paused task nothing, of another everything');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select is_empty('select pg_temp.claimed()', 'not even after the sweep');
select from tasker.resume_task(:'task', 'go on');
select pg_temp.later('6 seconds');
select from tasker.sweep();
select results_eq('select pg_temp.claimed()', array['4'], 'until it is resumed');
select is((select max(attempt) from tasker.steps), 1::smallint, 'nobody lost an attempt');
select is_empty($$ select from tasker._changes
  where change::text like 'step in_progress -> enqueued' $$, 'and history has no to and fro');

select * from finish();
rollback;
