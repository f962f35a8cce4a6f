begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_task();
select pg_temp.a_task();

select is(pg_temp.refusal(format('select * from tasker.finish_and_claim(%L, %L, null, null, %L, '
  '%L)', wrong.namespace, wrong.worker, wrong.lim, wrong.lease)), wrong.answer,
          concat_ws(', ', coalesce(wrong.namespace, 'null'),
            coalesce(left(wrong.worker, 10), 'null'), coalesce(wrong.lim::text, 'null'),
            coalesce(wrong.lease::text, 'null')))
  from (values
    (null, 'w1', 1, interval '30 s', '22023: p_namespace is null'),
    ('none', 'w1', 1, '30 s', 'TK002: namespace ''none'''),
    ('test', null, 1, '30 s', '22023: got null'),
    ('test', '', 1, '30 s', '22023: got 0 characters'),
    ('test', repeat('w', 201), 1, '30 s', '22023: got 201 characters'),
    ('test', 'w1', -1, '30 s', '22023: got -1, need 0 to 1000'),
    ('test', 'w1', 1001, '30 s', '22023: got 1001, need 0 to 1000'),
    ('test', 'w1', 1, '0', '22023: got 00:00:00'),
    ('test', 'w1', 1, '25 hours', '22023: got 25:00:00')
  ) as wrong (namespace, worker, lim, lease, answer);
select is_empty('select from tasker.claims', 'nothing was claimed');
select is((select count(*) from tasker.finish_and_claim('test', 'w1', null, null)), 1::bigint,
  'one step unless more are asked for');
select is((select lease_until from tasker.claims), tasker._now() + interval '30 seconds',
  'for 30 seconds unless longer');
select is((select count(*) from tasker.finish_and_claim('test', 'w1', null, null, null, null, null,
  null, null, null)), 1::bigint, 'null means the default');
select is((select count(*) from tasker.claims
  where lease_until = tasker._now() + interval '30 seconds'), 2::bigint, 'for the lease, too');

select * from finish();
rollback;
