begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_schedule('0 * * * *');

select results_eq('select * from tasker.pause_schedule(''test'', ''plan'', ''holidays'')',
  $$ values ('test', 'plan', timestamptz '2030-01-01 01:00Z') $$, 'it is paused');
select pg_temp.at('2030-01-01 03:00Z');
select is(pg_temp.fired(), 0, 'nothing is made');
select lives_ok('select from tasker.pause_schedule(''test'', ''plan'', ''again'')', 'once more');
select results_eq('select paused_at, paused_by, pause_reason from tasker.list_schedules()',
  format('values (timestamptz ''2030-01-01 00:00Z'', %L, ''holidays'')', session_user),
  'the first pause counts');
select results_eq('select subject, cure from tasker.problems where code = ''paused''',
  $$ values ('schedule test/plan',
             'select * from tasker.resume_schedule(''test'', ''plan'', ''<why>'')') $$,
  'after an hour somebody hears of it');
select results_eq('select next_tick from tasker.resume_schedule(''test'', ''plan'', ''back'')',
  $$ values (timestamptz '2030-01-01 01:00Z') $$, 'it goes on where it was');
select lives_ok('select from tasker.resume_schedule(''test'', ''plan'', ''again'')', 'once more');
select is(pg_temp.ticks(), null, 'the sweep decides');
select pg_temp.fired();
select is(pg_temp.ticks(), '01T01:00 missed 2, 01T03:00 created', 'what became due meanwhile');
select results_eq('select verb, subject, reason from tasker.operator_history order by action_id',
  $$ values ('pause_schedule', 'test/plan', 'holidays'),
            ('resume_schedule', 'test/plan', 'back') $$,
  'who did it, and why');
select is((select count(*) from unnest('{pause,resume,drop,trigger}'::text[]) as verb,
             (values ('none', 'why'), ('plan', null), ('plan', ' ')) as bad (name, reason)
            where pg_temp.refusal(format('select from tasker.%s_schedule(''test'', %L, %L)',
                                         verb, name, reason)) ~ '^(TK002|22023): '), 12::bigint,
  'each verb needs a schedule and a reason');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
