begin;
\ir ../fixtures.psql
select plan(16);
select from tasker.create_namespace('test');
select from tasker.create_namespace('away');

select results_eq($$ select namespace,
  channel from tasker.await_work('{test,away}', 'w1', '3 seconds') $$,
  $$ values ('test', 'tasker_' || left(md5('w1'), 12)),
    ('away', 'tasker_' || left(md5('w1'), 12)) $$, 'it answers the worker''s channel');
select results_eq('select namespace.name, worker, until from tasker.waiters join tasker.namespaces '
  'as namespace using (namespace_id) order by 1',
  $$ values ('away', 'w1', tasker._now() + '3 seconds'),
    ('test', 'w1', tasker._now() + '3 seconds') $$, 'and remembers who waits where, until when');
select from tasker.await_work('{test}', 'w2');
select is((select until from tasker.waiters where worker = 'w2'),
  tasker._now() + interval '5 seconds', 'five seconds by default');

select is(pg_temp.refusal(format('select * from tasker.await_work(%L, %L, %L)', wrong.namespaces,
  wrong.worker, wrong.wait)), wrong.answer, wrong.why)
  from (values
    (null::text[], 'w1', interval '1 s', '22023: got null, need 1 to 1000', 'null namespaces'),
    ('{}', 'w1', '1 s', '22023: got 0, need 1 to 1000', 'none'),
    ('{test,NULL}', 'w1', '1 s', '22023: p_namespace is null', 'a null among them'),
    ('{test,none}', 'w1', '1 s', 'TK002: namespace ''none''', 'an unknown one'),
    (array_fill('test'::text, array[1001]), 'w1', '1 s', '22023: got 1001, need 1 to 1000',
      'too many'),
    ('{test}', null, '1 s', '22023: got null', 'a null worker'),
    ('{test}', '', '1 s', '22023: got 0 characters', 'a worker without a name'),
    ('{test}', 'w1', '1 month', '22023: got 1 mon', 'months'),
    ('{test}', 'w1', '0', '22023: got 00:00:00', 'no duration'),
    ('{test}', 'w1', '2 days', '22023: got 2 days', 'too long a one')
  ) as wrong (namespaces, worker, wait, answer, why);
select is((select count(*) from tasker.waiters), 3::bigint, 'the refused ones do not wait');
select from tasker.await_work('{test}', 'w2', null);
select is((select count(*) from tasker.waiters), 3::bigint,
  'who waits already does not wait twice; null means the default');
select from tasker.await_work('{test}', 'w2', '1 minute');
select is((select max(until) from tasker.waiters where worker = 'w2'),
  tasker._now() + interval '1 minute', 'unless it is for much longer');

select * from finish();
rollback;
