begin;
\ir ../fixtures.psql
\ir tampered.psql
select plan(6);

select pg_temp.a_template('pair', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('pair', p_options => '{"deadline": "PT1H"}') as task \gset
select pg_temp.a_task('pair') as other \gset
select is_empty('select * from tasker.check_invariants()', 'one has a deadline, one has none');

select pg_temp.sees('delete from tasker.alarms',
  'safety: an open task that has a deadline has its alarm');
select pg_temp.sees('update tasker.alarms set due_at = due_at + interval ''1 second''',
  'safety: an open task that has a deadline has its alarm');
select pg_temp.sees('update tasker.tasks set deadline = null',
  'safety: an open task that has a deadline has its alarm');
select pg_temp.sees(format('insert into tasker.alarms values (%s, ''deadline'', ''2031-01-01Z'')',
  tasker._step_id(:'other')), 'safety: an open task that has a deadline has its alarm');
select pg_temp.sees('insert into tasker.alarms values (7 << 20, ''deadline'', ''2031-01-01Z'')',
  'safety: an open task that has a deadline has its alarm');

select * from finish();
rollback;
