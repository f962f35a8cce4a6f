-- W2, W5, W7: a signal ends the wait for it there and then, or is kept for a step that is to come.
begin;
\ir ../fixtures.psql
select plan(24);
select pg_temp.gated('t', '[{"name": "a"}, {"name": "ok", "dependencies": ["a"],
  "wait": {"signal": ["yes", "no"], "timeout": "P3D"}}, {"name": "z", "dependencies": ["ok"]}]');
select pg_temp.a_task('t') as task \gset
create function pg_temp.sent (p_task uuid, p_name text, p_value jsonb default '7',
  p_options jsonb default '{}') returns text language sql as $$
select concat_ws(' ', name, state, case when step_uuid is not null then 'step' end, repeated)
  from tasker.send_signal(p_task, p_name, p_value, p_options)
$$;
select is(pg_temp.sent(:'task', 'yes'), 'yes stored f', 'before its step is there');
select results_eq(format('select name, value, state, step_uuid from tasker.list_signals(%L)',
  :'task'), $$ values ('yes', '7'::jsonb, 'stored', null::uuid) $$, 'it is kept');
select is(pg_temp.refusal(format('select pg_temp.sent(%L, ''no'')', :'task')), 'TK003: as many '
  'are stored as these steps wait for; ok is pending', 'a second one has no place');
select pg_temp.play();
select is(pg_temp.ends(:'task'), 'a complete, ok complete, z complete', 'it ends the wait at once');
select is((select result - 'signals' from tasker.task_results(:'task') where name = 'ok'),
  '{"outcome": "signal", "value": 7}', 'its value');
select is((select result #- '{signals,0,at}' -> 'signals' from tasker.task_results(:'task')
            where name = 'ok'), jsonb_build_array(jsonb_build_object('name', 'yes', 'value', 7,
  'by', session_user)), 'and who sent it');
select is(pg_temp.task_state(:'task'), 'complete', 'the task is over');
select alike(pg_temp.refusal(format('select pg_temp.sent(%L, ''yes'')', :'task')),
  'TK003: the task has ended; ok is complete since 2030-01-01%', 'too late');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select pg_temp.a_task('t') as task \gset
select pg_temp.play();
select is(pg_temp.ends(:'task'), 'a complete, ok waiting, z pending', 'it waits');
select alike((select reason from tasker.explain_step(pg_temp.step(:'task', 'ok'))),
  'waits for the signal yes or no (0 of 1) since __:__, for 3 d 0 h more, then fails; somebody '
  'answers it with: select * from tasker.answer_wait(%', 'explain says so');
select is(pg_temp.sent(:'task', 'no', null, '{"initiator": "ann", "reason": "too dear"}'),
  'no delivered step f', 'the other name, and null is a value');
select is(pg_temp.ends(:'task'), 'a complete, ok complete, z enqueued', 'the task goes on');
select results_eq(format('select state, sent_by, reason, value from tasker.list_signals(%L)',
  :'task'), $$ values ('taken', 'ann', 'too dear', 'null'::jsonb) $$, 'who, and why');
select is((select actor || ': ' || reason from tasker._changes where id =
  tasker._step_id(pg_temp.step(:'task', 'ok')) order by transition_id desc limit 1),
  'ann: too dear', 'in history, too');
select alike(pg_temp.refusal(format('select pg_temp.sent(%L, ''yes'')', :'task')),
  'TK003: every step that waits for it has ended; ok is complete since %', 'nobody takes another');
select is(pg_temp.refusal(format('select pg_temp.sent(%L, ''yse'')', :'task')),
  '22023: ''yse''; its template waits for no, yes', 'a typo');

-- W6: a key makes it repeatable, also when everything is over.
select pg_temp.a_task('t') as task \gset
select is(pg_temp.sent(:'task', 'yes', '1', '{"key": "k"}'), 'yes stored f', 'with a key');
select is(pg_temp.sent(:'task', 'yes', '1', '{"key": "k"}'), 'yes stored t', 'again');
select pg_temp.play();
select is(pg_temp.sent(:'task', 'yes', '1', '{"key": "k"}'), 'yes stored t', 'the first answer');
select is(pg_temp.task_state(:'task'), 'complete', 'after the end');
select alike(pg_temp.refusal(format('select pg_temp.sent(%L, ''yes'', ''2'', ''{"key": "k"}'')',
  :'task')), 'TK008: yes ''k'' was sent at %', 'another value');

-- W12: in the transaction that makes the task.
select is(pg_temp.sent(pg_temp.a_task('t'), 'yes'), 'yes stored f', 'a new task');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
