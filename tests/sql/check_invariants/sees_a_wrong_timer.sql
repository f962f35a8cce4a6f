begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(8);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair') as task \gset
select pg_temp.a_task('pair', p_options => '{"run_at": "2030-01-02T00:00Z"}') as late \gset
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'task', 'a'), :'token', '"no"',
  p_retry_after => '1 hour');
select is_empty('select * from tasker.check_invariants()',
  'one waits for a retry, one for its time');

select pg_temp.sees(format('delete from tasker.timers where step_id = %s',
  tasker._step_id(pg_temp.step(:'task', 'a'))),
  'safety: a step that waits for nobody has a timer');
select pg_temp.sees(format('delete from tasker.timers where step_id = %s',
  tasker._step_id(pg_temp.step(:'late', 'a'))),
  'safety: a step that waits for nobody has a timer');
select pg_temp.sees(format('insert into tasker.timers values (%s, ''2030-01-02Z'')',
  tasker._step_id(pg_temp.step(:'task', 'b'))),
  'safety: only a waiting step has a timer');
select pg_temp.sees('insert into tasker.timers values (7, ''2030-01-02Z'')',
  'safety: only a waiting step has a timer');
select pg_temp.sees('update tasker.timers set due_at = ''infinity'' where due_at < ''2030-01-01 '
  '12:00Z''', 'convergence: a timer fires');

select pg_temp.later('60 minutes');
select is_empty('select * from tasker.check_invariants()', 'a due timer may wait for the sweep');
select pg_temp.later('61 seconds');
select results_eq('select severity, invariant, step_uuid from tasker.check_invariants()',
  format('values (''convergence'', ''a timer fires'', %L::uuid)', pg_temp.step(:'task', 'a')),
  'but not for long');

select * from finish();
rollback;
