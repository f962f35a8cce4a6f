begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_schedule('0 * * * *', p_name => 'bad');
select pg_temp.a_schedule('0 * * * *', p_name => 'good');
update tasker.schedules set definition = definition || '{"version": "9.0.0"}' where name = 'bad';
select pg_temp.at('2030-01-01 01:00Z');
select is(pg_temp.fired(), 2, 'both fire');
select is(pg_temp.ticks('good'), '01T01:00 created', 'one makes its task (S8)');
select results_eq('select outcome, task_uuid, detail from tasker.list_ticks(''test'', ''bad'')',
  $$ values ('failed', null::uuid, '{"code": "TK002", "error": "template not found",
                                     "detail": "test/single@9.0.0"}'::jsonb) $$, 'one fails');
select results_eq('select severity, subject, since, problem, cure from tasker.problems
                    where code = ''schedule_failing''',
  $$ values ('warning', 'schedule test/bad', timestamptz '2030-01-01 01:00Z',
             'its tick of 2030-01-01 01:00 UTC made no task: template not found: test/single@9.0.0',
             'select * from tasker.explain_schedule(''test'', ''bad'')') $$,
  'somebody hears of it');
select results_eq('select code, reason, cure from tasker.explain_schedule(''test'', ''bad'')
                    where rank = 2',
  $$ values ('tick_failed', 'its last tick, of 2030-01-01 01:00 UTC, failed: template not found: '
             'test/single@9.0.0', 'select * from tasker.put_schedule(''test'', ''bad'', '
             '''<definition>'')') $$, 'and why');
update tasker.schedules set definition = definition - 'version' where name = 'bad';
select pg_temp.at('2030-01-01 02:00Z');
select is(pg_temp.fired(), 2, 'it does not stop the next one');
select is(pg_temp.ticks('bad'), '01T01:00 failed, 01T02:00 created', 'which is made');
select is_empty('select * from tasker.problems where code like ''schedule%''', 'no problem');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
