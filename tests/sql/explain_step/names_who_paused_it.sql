begin;
\ir ../fixtures.psql
select plan(4);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_task('t') as task \gset
select pg_temp.step(:'task', 'a') as a \gset
prepare explain as select rank, code, blocks, regexp_replace(reason, 'by \S+ ', 'by me '),
  who = session_user, cure from tasker.explain_step(:'a');
select from tasker.pause_namespace('test', 'the bank is closed');
select pg_temp.later('1 hour');
select from tasker.pause_template('test', 't', 'broken');
select from tasker.pause_task(:'task', 'a question');

select results_eq('explain', format($$ values
  (1, 'namespace_paused', true, 'namespace test was paused by me 60 min ago: the bank is closed',
    true, 'select * from tasker.resume_namespace(''test'', ''<why>'')'),
  (2, 'template_paused', true, 'template test/t was paused by me 0 s ago: broken', true,
    'select * from tasker.resume_template(''test'', ''t'', ''<why>'')'),
  (3, 'task_paused', true, 'its task was paused by me 0 s ago: a question', true,
    'select * from tasker.resume_task(''%s'', ''<why>'')'),
  (4, 'no_worker', false,
    'queued for 60 min; no live worker serves namespace test (no runner was seen within a day)',
    null, 'tasker-sql run --namespace test --handlers MODULE') $$, :'task'),
    'each pause, with its cure');
select from tasker.resume_namespace('test', 'it is open');
select from tasker.resume_template('test', 't', 'repaired');
select from tasker.resume_task(:'task', 'answered');
select is((select count(*) from tasker.explain_step(:'a') where blocks), 0::bigint,
  'the cures help');

-- A step that runs is not stopped by a pause.
select pg_temp.a_claim() as token \gset
select from tasker.pause_namespace('test', 'again');
select results_eq($$ select code from tasker.explain_step('$$ || :'a' || $$') $$, array['running'],
  'a running step is not paused');

-- Its time has not come.
select from tasker.resume_namespace('test', 'again');
select task_uuid as later
 from tasker.create_task('test', 't', '{}', '{"run_at": "2030-01-02T01:00:00Z"}') \gset
select results_eq(format('select code, reason, until from tasker.explain_step(%L)',
  pg_temp.step(:'later', 'a')),
  $$ values ('scheduled', 'its task is to begin in 24 h 0 min', '2030-01-02 01:00Z'::timestamptz)
    $$, 'tomorrow');

select * from finish();
rollback;
