begin;
\ir ../fixtures.psql
select plan(28);
select pg_temp.a_task();

select is(pg_temp.refusal(format('select * from tasker.claim_steps(%L, %L, %L, %L)',
  wrong.namespace, wrong.worker, wrong.lim, wrong.lease)), wrong.answer,
          concat_ws(', ', coalesce(wrong.namespace, 'null'),
            coalesce(left(wrong.worker, 10), 'null'), coalesce(wrong.lim::text, 'null'),
            coalesce(wrong.lease::text, 'null')))
  from (values
    (null, 'w1', 1, interval '30 s', '22023: p_namespace is null'),
    ('none', 'w1', 1, '30 s', 'TK002: namespace ''none'''),
    ('TEST', 'w1', 1, '30 s', 'TK002: namespace ''TEST'''),
    ('test', null, 1, '30 s', '22023: got null'),
    ('test', '', 1, '30 s', '22023: got 0 characters'),
    ('test', repeat('w', 201), 1, '30 s', '22023: got 201 characters'),
    ('test', 'w1', 0, '30 s', '22023: got 0, need 1 to 1000'),
    ('test', 'w1', -1, '30 s', '22023: got -1, need 1 to 1000'),
    ('test', 'w1', 1001, '30 s', '22023: got 1001, need 1 to 1000'),
    ('test', 'w1', 1, '0', '22023: got 00:00:00'),
    ('test', 'w1', 1, '-1 s', '22023: got -00:00:01'),
    ('test', 'w1', 1, '1 day 1 us', '22023: got 1 day 00:00:00.000001'),
    ('test', 'w1', 1, '178000000 years', '22023: got 178000000 years')
  ) as wrong (namespace, worker, lim, lease, answer);
select is(pg_temp.refusal(format($$ select from tasker.claim_steps('test', 'w1', p_wait => %L) $$,
  wait)), answer, concat('wait ', wait))
  from (values ('0', '22023: got 00:00:00'), ('25 hours', '22023: got 25:00:00'),
    ('1 month', '22023: got 1 mon')) as wrong (wait, answer);
select is(pg_temp.refusal(format($$ select
  from tasker.claim_steps('test', 'w1', p_handlers => %L) $$, handlers)), answer,
  concat('handlers ', left(handlers, 20)))
  from (values ('{a,null}', '22023: got {a,NULL}'), ('{{a},{b}}', '22023: got {{a},{b}}'),
               (array_fill('a'::text, '{1001}')::text, '22023: got 1001, need 0 to 1000'))
               as wrong (handlers, answer);
select is_empty('select from tasker.claims', 'nothing was claimed');
select is_empty($$ select from tasker.claim_steps('test', 'w1', p_handlers => '{}') $$,
  'a worker without handlers gets nothing');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'and leaves everything where it is');
select results_eq($$ select attempt,
  lease_until from tasker.claim_steps('test', 'w1', null, null, null, null, null) $$,
  $$ values (1, tasker._now() + interval '30 seconds') $$, 'null means the default');
select lives_ok($$ select from tasker.claims, lateral tasker.release_claim(token) $$,
  'it goes back');
select has_function('tasker', 'claim_steps',
  '{text,text,bigint,interval,text[],uuid,interval,boolean}',
  'a count is a bigint at the door');

select lives_ok($$ select * from tasker.claim_steps('test', 'w1', 1000, '1 day') $$,
  'the largest of each is fine');
select is((select lease_until from tasker.claims), tasker._now() + interval '1 day',
  'and means what it says');
select is_empty(format('select * from tasker.claim_steps(''test'', %L, 1, ''1 microsecond'')',
  repeat('w', 200)), 'nothing to do is not an error');

select * from finish();
rollback;
