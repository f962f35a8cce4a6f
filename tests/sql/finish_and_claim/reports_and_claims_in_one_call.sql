begin;
\ir ../fixtures.psql
select plan(12);
select pg_temp.a_template('chain', '{"a": [], "b": ["a"]}');
select pg_temp.a_task('chain', jsonb_build_object('n', n)) from generate_series(1, 3) as n;

create temp table first as select *
 from tasker.finish_and_claim('test', 'w1', null, null, 2, '1 minute');
select results_eq($$ select name, attempt, context, lease_until from first $$,
  $$ values ('a', 1, '{"n": 1}'::jsonb, tasker._now() + '1 minute'),
    ('a', 1, '{"n": 2}', tasker._now() + '1 minute') $$, 'null and null only claim');
select token from first limit 1 \gset

select pg_temp.later('1 second');
create temp table second as select * from tasker.finish_and_claim('test', 'w1', :'token',
  (select jsonb_agg(jsonb_build_object('step_uuid', step_uuid, 'result', context -> 'n'))
    from first), 10);
select results_eq('select name, context, dependency_results from second',
  $$ values ('b', '{"n": 1}'::jsonb, '{"a": 1}'::jsonb), ('b', '{"n": 2}', '{"a": 2}'),
    ('a', '{"n": 3}', '{}') $$,
  'outcomes are applied before the next steps are claimed, their children among them');
select is((select count(distinct token) from second), 1::bigint, 'under one new token');
select isnt((select max(token::text) from second), :'token', 'which is another');
select results_eq('select lease_until from tasker.claims',
  $$ select tasker._now() + interval '30 seconds' $$,
  'the old claim is gone, the new one has its lease');
select is((select count(distinct transition_id) from tasker._changes where at = tasker._now()),
  1::bigint, 'one row of history for the whole call');

select token from second limit 1 \gset
select is_empty(format($$ select
  from tasker.finish_and_claim('test', 'w1', %L,
    (select jsonb_agg(pg_temp.outcome(step_uuid)) from second), 0) $$, :'token'),
  'a limit of 0 claims nothing');
select is_empty('select from tasker.claims', 'and leaves no claim');
select is((select count(*) from pg_temp.queued('test_queue')), 1::bigint,
  'what became ready waits');
select is((select count(*) from tasker.tasks where state = 'complete'), 2::bigint,
  'two tasks are complete');

select results_eq($$ select name from tasker.finish_and_claim('test', 'w1', null, '[]', 1) $$,
  array['b'], 'no outcomes only claim');
select results_eq($$ select count(*)
  from tasker.finish_and_claim('test', 'w1', gen_random_uuid(), '[]') $$, array[0::bigint],
  'nothing to do is not an error');

select * from finish();
rollback;
