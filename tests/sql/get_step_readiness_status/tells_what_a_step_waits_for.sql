begin;
\ir ../fixtures.psql
select plan(12);

select pg_temp.a_template('diamond', '{"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}');
select pg_temp.a_task('diamond') as task \gset
create function pg_temp.status (p_task uuid)
 returns table (name text, state text, parents text, satisfied boolean, eligible boolean,
   ready boolean)
  language sql as $$
select name, current_state, completed_parents || '/' || total_parents, dependencies_satisfied,
retry_eligible, ready_for_execution
  from tasker.get_step_readiness_status(p_task) $$;

select results_eq(format('select * from pg_temp.status(%L)', :'task'),
  $$ values ('a', 'enqueued', '0/0', true, true, true), ('b', 'pending', '0/1', false, true, false),
            ('c', 'pending', '0/1', false, true, false),
            ('d', 'pending', '0/2', false, true, false) $$, 'at first');

select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.later('1 second');
select pg_temp.a_claim() as token \gset
select results_eq(format('select * from pg_temp.status(%L)', :'task'),
  $$ values ('a', 'complete', '0/0', true, false, false),
    ('b', 'in_progress', '1/1', true, true, false),
            ('c', 'enqueued', '1/1', true, true, true),
            ('d', 'pending', '0/2', false, true, false) $$, 'one is claimed');

-- A failure: not ready until its backoff is over, no matter who has swept.
select pg_temp.step(:'task', 'b') as b \gset
select from tasker.fail_step(:'b', :'token', '"no"', p_retry_after => '90 seconds');
select results_eq(
  format('select current_state, ready_for_execution, attempts, max_attempts, last_failure_at, '
    'next_retry_at, backoff_request_seconds, last_attempted_at
            from tasker.get_step_readiness_status(%L) where name = ''b''', :'task'),
  $$ values ('waiting_for_retry', false, 1, 3, '2030-01-01 00:00:01Z'::timestamptz,
    '2030-01-01 00:01:31Z'::timestamptz, 90.000, '2030-01-01 00:00:01Z'::timestamptz) $$,
  'the failure and what it led to');
select pg_temp.later('90 seconds');
select results_eq(format('select ready from pg_temp.status(%L) where name = ''b''', :'task'),
  array[true], 'its backoff is over');
select from tasker.sweep();
select results_eq(format('select state, ready from pg_temp.status(%L) where name = ''b''', :'task'),
  $$ values ('enqueued', true) $$, 'and it is enqueued');

-- A permanent failure, and what an operator makes of it.
select pg_temp.a_claim(2) as token \gset
select from tasker.fail_step(:'b', :'token', '"no"', false);
select results_eq(format('select * from pg_temp.status(%L) where name in (''b'', ''d'')', :'task'),
  $$ values ('b', 'error', '1/1', true, false, false),
    ('d', 'pending', '0/2', false, true, false) $$, 'an error satisfies nobody');
select from tasker.resolve_step(:'b', 'done elsewhere');
select results_eq(format('select * from pg_temp.status(%L) where name in (''b'', ''d'')', :'task'),
  $$ values ('b', 'resolved_manually', '1/1', true, false, false),
    ('d', 'pending', '1/2', false, true, false) $$, 'a resolved step does');
select from tasker.complete_step(pg_temp.step(:'task', 'c'), :'token');

-- Nothing paused is ready.
select results_eq(format('select name from pg_temp.status(%L) where ready', :'task'), array['d'],
  'the last step is ready');
select from tasker.pause_task(:'task', 'wait');
select is_empty(format('select name from pg_temp.status(%L) where ready', :'task'),
  'not while the task is paused');
select results_eq(format('select distinct paused from tasker.get_step_readiness_status(%L)',
  :'task'), array[true], 'which is said');
select from tasker.resume_task(:'task', 'go on');
select from tasker.pause_namespace('test', 'wait');
select is_empty(format('select name from pg_temp.status(%L) where ready', :'task'),
  'nor while the namespace is');
select from tasker.resume_namespace('test', 'go on');
select from tasker.cancel_task(:'task', 'enough');
select is_empty(format('select name from pg_temp.status(%L) where ready or eligible', :'task'),
  'nor anything that has ended');

select * from finish();
rollback;
