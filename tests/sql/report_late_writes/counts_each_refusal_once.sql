begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as one \gset
select pg_temp.step(:'one', 'a') as a \gset
select pg_temp.a_claim(1, 'sleepy') as token \gset

-- Nothing is late about a step that is held, or was finished under the token.
select is_empty(format('select * from tasker.report_late_writes(%L, array[%L::uuid], ''sleepy'')',
  :'token', :'a'), 'a claim that holds is not late');
select pg_temp.later('31 seconds');
select from tasker.sweep();
select pg_temp.later('4 seconds');
select pg_temp.a_claim(1, 'quick') as next \gset
select is(pg_temp.refusal(format('select * from tasker.complete_step(%L, %L)', :'a', :'token')),
  'TK001: ' || :'a' || ' is in_progress, attempt 2', 'the late write is refused');

prepare report as select attempt, cause, late_by,
  step_state from tasker.report_late_writes(:'token', array[:'a'::uuid], 'another name');
select results_eq('report', $$ values (1, 'lease expired', interval '4 seconds', 'in_progress') $$,
  'how late it was is noted');
select pg_temp.later('1 minute');
select results_eq('report', $$ values (1, 'lease expired', interval '4 seconds', 'in_progress') $$,
  'a repeated report is the same');
select results_eq('select worker, attempt, cause, late_by, winning_attempt, winner, name, '
  'task_uuid from tasker.late_writes',
  format($$ values ('sleepy', 1, 'lease expired', interval '4 seconds', 2, 'quick', 'a',
    %L::uuid) $$, :'one'), 'counted once, in the name of the claim''s worker');

-- The winner is known when it has finished, too.
select from tasker.complete_step(:'a', :'next', '1');
select results_eq('select step_state, winning_attempt, winner from tasker.late_writes',
  $$ values ('complete', 2, 'quick') $$, 'and who won');
select is_empty(format('select * from tasker.report_late_writes(%L, array[%L::uuid], ''quick'')',
  :'next', :'a'), 'a finished step is not late');
select is((select late_writes
  from tasker.get_analytics_metrics(tasker._now() - interval '2 minutes')), 1::bigint, 'a metric');
select is((select late_writes
  from tasker.get_analytics_metrics(tasker._now() - interval '2 seconds')), 0::bigint,
  'of its time');

select * from finish();
rollback;
