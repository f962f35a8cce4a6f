begin;
\ir ../fixtures.psql
select plan(14);
select pg_temp.a_template('t', '{"a": [], "b": ["a"]}');
create temp table task as select n, pg_temp.a_task('t') as task from generate_series(1, 3) as n;
select pg_temp.a_claim(3) as token \gset
create function pg_temp.a (p_n integer) returns uuid language sql as $$
select pg_temp.step(task, 'a') from task where n = p_n
$$;
create function pg_temp.outcome (p_n integer) returns jsonb language sql as $$
select pg_temp.outcomes(pg_temp.outcome(pg_temp.a(p_n)))
$$;
select format('select step_uuid from tasker.finish_and_claim(''test'', ''w1'', %L, %L, 0, '
  'p_release => array[%L::uuid])',
              :'token', pg_temp.outcome(1), pg_temp.a(2)) as call \gset

select is_empty(:'call', 'one is reported, one given back');
select is(pg_temp.step_state(pg_temp.a(1)), 'complete', 'the one is complete');
select is(pg_temp.step_state(pg_temp.a(2)), 'enqueued', 'the other is in its queue');
select is((select attempt from tasker.steps where step_id = tasker._step_id(pg_temp.a(2))),
  0::smallint, 'and its attempt does not count');
select is(pg_temp.step_state(pg_temp.a(3)), 'in_progress', 'the third is still in its hands');
select results_eq('select step_ids from tasker.claims',
  format('select array[tasker._step_id(%L)]', pg_temp.a(3)), 'and the only one');
select is_empty(:'call', 'a repeated call changes nothing');
select is((select count(*) from pg_temp.queued('test_queue')), 2::bigint, 'two pointers');

-- It may claim what it gave back, and need not report anything.
select results_eq(format('select step_uuid from tasker.finish_and_claim(''test'', ''w1'', %L, '
  'null, 9, p_release => array[%L::uuid]) where name = ''a'' order by 1', :'token', pg_temp.a(3)),
  format('select unnest(array[%L, %L]::uuid[]) order by 1', pg_temp.a(2), pg_temp.a(3)),
  'only to give back, and to go on');
select is_empty(format('select from tasker.claims where token = %L', :'token'),
  'the claim is gone');

-- All or nothing.
select token as other from tasker.claims \gset
select is(pg_temp.refusal(format('select from tasker.finish_and_claim(''test'', ''w1'', %L, %L, 0, '
  'p_release => array[%L::uuid])', :'other', pg_temp.outcome(2), pg_temp.a(1))) like 'TK001%', true,
  'a step that the claim does not hold');
select is(pg_temp.step_state(pg_temp.a(2)), 'in_progress', 'refuses everything');
select is(pg_temp.refusal(format('select from tasker.finish_and_claim(''test'', ''w1'', null, '
  'null, 0, p_release => array[%L::uuid])', pg_temp.a(2))) like '22023%', true,
  'a token is needed');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
