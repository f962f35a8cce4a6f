begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as cancelled \gset
select pg_temp.a_task('t') as settled \gset
select pg_temp.a_task('t') as released \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.cancel_task(:'cancelled', 'not wanted');
select from tasker.complete_step_manually(pg_temp.step(:'settled', 'a'), '1', 'by hand');
select pg_temp.a_claim() as given \gset
select from tasker.release_claim(:'given');
select pg_temp.later('3 seconds');

select results_eq(format('select attempt, cause, late_by, step_state from '
  'tasker.report_late_writes(%L, array[%L, %L]::uuid[], ''w1'')', :'token',
    pg_temp.step(:'cancelled', 'a'), pg_temp.step(:'settled', 'a')),
  $$ values (1, 'taken over', interval '3 seconds', 'cancelled'),
    (1, 'taken over', '3 seconds', 'complete') $$, 'by a cancellation, by hand');
select results_eq(format('select attempt, cause, late_by, step_state from '
  'tasker.report_late_writes(%L, array[%L]::uuid[], ''w1'')', :'given',
  pg_temp.step(:'released', 'a')),
  $$ values (null::integer, 'unknown', null::interval, 'enqueued') $$,
  'what was given back left no trace');
select results_eq('select step_state, winning_attempt, winner = session_user from '
  'tasker.late_writes order by cause, step_state',
  $$ values ('cancelled', null::integer, true), ('complete', null, true),
    ('enqueued', null, null) $$, 'the operator won');

-- A step that failed under its token was reported in time.
select pg_temp.a_claim() as token \gset
select from tasker.fail_step(pg_temp.step(:'released', 'a'), :'token', '"no"', true);
select is_empty(format('select * from tasker.report_late_writes(%L, array[%L]::uuid[], ''w1'')',
  :'token', pg_temp.step(:'released', 'a')), 'a failure is not late');

-- Another attempt under another token was not.
select pg_temp.later('2 seconds');
select from tasker.sweep();
select pg_temp.a_claim() as lost \gset
select pg_temp.later('31 seconds');
select from tasker.sweep();
select results_eq(format('select attempt, cause from tasker.report_late_writes(%L, '
  'array[%L]::uuid[], ''w1'')', :'lost', pg_temp.step(:'released', 'a')),
  $$ values (2, 'lease expired') $$, 'a failure before it');

-- A claim took over from nobody where it never was.
select pg_temp.a_task('t') as other \gset
select pg_temp.a_claim(2, 'w2') as both \gset
select pg_temp.a_task('t') as never \gset
select results_eq(format('select attempt, cause from tasker.report_late_writes(%L, '
  'array[%L]::uuid[], ''w1'')', :'both', pg_temp.step(:'never', 'a')),
  $$ values (null::integer, 'unknown') $$, 'a claim of other steps');

-- What was cancelled is remembered longer than the claim.
select from tasker.cancel_task(:'other', 'not wanted');
select pg_temp.later('31 seconds');
select from tasker.sweep();
select results_eq(format('select attempt, cause, late_by from tasker.report_late_writes(%L, '
  'array[%L]::uuid[], ''w2'')', :'both', pg_temp.step(:'other', 'a')),
  $$ values (1, 'taken over', interval '31 seconds') $$, 'a cancellation, when the claim is gone');

select * from finish();
rollback;
