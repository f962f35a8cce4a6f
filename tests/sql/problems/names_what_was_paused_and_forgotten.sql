begin;
\ir ../fixtures.psql
select plan(4);
prepare paused as select severity, subject, problem, cure from tasker.problems
 where code = 'paused';

select pg_temp.a_task() as task \gset
select pg_temp.a_task() as ended \gset
select from tasker.pause_namespace('test', 'maintenance');
select from tasker.pause_template('test', 'single', 'a bad version');
select from tasker.pause_task(:'task', 'asked by phone');
select from tasker.pause_task(:'ended', 'for a moment');
select from tasker.cancel_task(:'ended', 'not needed');
select is_empty('paused', 'just now');
select pg_temp.later('61 minutes');
select set_eq('paused', format($$ values
  ('warning', 'namespace test', session_user || ' paused it 61 min ago: maintenance',
    'select * from tasker.resume_namespace(''test'', ''<why>'')'),
  ('warning', 'template test/single', session_user || ' paused it 61 min ago: a bad version',
    'select * from tasker.resume_template(''test'', ''single'', ''<why>'')'),
  ('warning', 'task %1$s', session_user || ' paused it 61 min ago: asked by phone',
    'select * from tasker.resume_task(''%1$s'', ''<why>'')') $$, :'task'),
  'three, and not the task that has ended');
select from tasker.resume_namespace('test', 'done');
select from tasker.resume_template('test', 'single', 'done');
select bag_eq('select subject from tasker.problems where code = ''paused''',
  array['task ' || :'task'], 'one is left');
select from tasker.resume_task(:'task', 'done');
select is_empty('paused', 'the cures cure all');

select * from finish();
rollback;
