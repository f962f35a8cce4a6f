begin;
\ir ../fixtures.psql
select plan(19);
select pg_temp.a_task();

select is(pg_temp.refusal(format('select * from tasker.claim_steps(%L, %L, %L, %L)', wrong.namespace, wrong.worker, wrong.lim, wrong.lease)), wrong.answer,
          concat_ws(', ', coalesce(wrong.namespace, 'null'), coalesce(left(wrong.worker, 10), 'null'), coalesce(wrong.lim::text, 'null'), coalesce(wrong.lease::text, 'null')))
  from (values
    (null, 'w1', 1, interval '30 s', '22023: p_namespace is null'),
    ('none', 'w1', 1, '30 s', 'TK002: namespace ''none'''),
    ('TEST', 'w1', 1, '30 s', 'TK002: namespace ''TEST'''),
    ('test', null, 1, '30 s', '22023: got null'),
    ('test', '', 1, '30 s', '22023: got 0 characters'),
    ('test', repeat('w', 201), 1, '30 s', '22023: got 201 characters'),
    ('test', 'w1', null, '30 s', '22023: got null, need 1 to 1000'),
    ('test', 'w1', 0, '30 s', '22023: got 0, need 1 to 1000'),
    ('test', 'w1', -1, '30 s', '22023: got -1, need 1 to 1000'),
    ('test', 'w1', 1001, '30 s', '22023: got 1001, need 1 to 1000'),
    ('test', 'w1', 1, null, '22023: got null'),
    ('test', 'w1', 1, '0', '22023: got 00:00:00'),
    ('test', 'w1', 1, '-1 s', '22023: got -00:00:01'),
    ('test', 'w1', 1, '1 day 1 us', '22023: got 1 day 00:00:00.000001'),
    ('test', 'w1', 1, '178000000 years', '22023: got 178000000 years')
  ) as wrong (namespace, worker, lim, lease, answer);
select is_empty('select from tasker.claims', 'nothing was claimed');

select lives_ok($$ select * from tasker.claim_steps('test', 'w1', 1000, '1 day') $$, 'the largest of each is fine');
select is((select lease_until from tasker.claims), tasker._now() + interval '1 day', 'and means what it says');
select is_empty(format('select * from tasker.claim_steps(''test'', %L, 1, ''1 microsecond'')', repeat('w', 200)), 'nothing to do is no error');

select * from finish();
rollback;
