begin;
\ir ../fixtures.psql
select plan(8);

select pg_temp.a_template('diamond', '{"a": [], "b": ["a"], "c": ["a"], "d": ["c", "b"]}');
select pg_temp.a_task('diamond') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token', '{"x": 1}');
select pg_temp.later('1 second');
select pg_temp.a_claim(1, 'worker 7') as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'b'), :'token', '{"message": "no"}');
select pg_temp.a_claim(1, 'worker 8') as token \gset

select results_eq(format('select name, state, attempt, max_attempts, parents, waiting_parents, '
  'worker, result from tasker.get_task_steps(%L)', :'task'),
  $$ values ('a', 'complete', 1, 3, '{}'::text[], 0, null, '{"x": 1}'::jsonb),
    ('b', 'waiting_for_retry', 1, 3, '{a}', 0, null, null),
            ('c', 'in_progress', 1, 3, '{a}', 0, 'worker 8', null),
            ('d', 'pending', 0, 3, '{b,c}', 2, null, null) $$, 'parents first');
select results_eq(format('select last_error, last_failure_at, next_retry_at from '
  'tasker.get_task_steps(%L) where name = ''b''', :'task'),
  $$ values ('{"message": "no"}'::jsonb, '2030-01-01 00:00:01Z'::timestamptz,
    '2030-01-01 00:00:02Z'::timestamptz) $$, 'the failed one');
select results_eq(format('select lease_until, enqueued_at, started_at, finished_at from '
  'tasker.get_task_steps(%L) where name = ''c''', :'task'),
  $$ values ('2030-01-01 00:00:31Z'::timestamptz, '2030-01-01 00:00:00Z'::timestamptz,
    '2030-01-01 00:00:01Z'::timestamptz, null::timestamptz) $$, 'the running one');
select results_eq(format('select step_uuid, namespace, handler from tasker.get_task_steps(%L) '
  'where name = ''d''', :'task'),
  format('values (%L::uuid, ''test'', ''d'')', pg_temp.step(:'task', 'd')), 'the last one');

select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'c'), '5')));
select results_eq(format('select state, worker, lease_until, result from tasker.get_task_steps(%L) '
  'where name = ''c''', :'task'),
  $$ values ('in_progress', 'worker 8', null::timestamptz, '5'::jsonb) $$,
  'submitted, not yet processed');
select pg_temp.a_task('diamond', p_options => '{"run_at": "2030-01-02 00:00Z"}') as later \gset
select is((select next_retry_at from tasker.get_task_steps(:'later') where name = 'a'), null,
  'to begin is not to be tried again');
select throws_ok(format('select * from tasker.get_task_steps(%L)', gen_random_uuid()), 'TK002');
select throws_ok('select * from tasker.get_task_steps(null)', '22023');

select * from finish();
rollback;
