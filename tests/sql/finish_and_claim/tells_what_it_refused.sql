begin;
\ir ../fixtures.psql
select plan(13);
select pg_temp.a_template('t', '{"a": []}');
create temp table task as select n, pg_temp.a_task('t') as task from generate_series(1, 6) as n;
create function pg_temp.a (p_n integer) returns uuid language sql as $$
select pg_temp.step(task, 'a') from task where n = p_n
$$;
select pg_temp.a_claim(4) as token \gset
select from task, tasker.cancel_task(task, 'not wanted') where n = 2;
select jsonb_build_array(
  pg_temp.outcome(pg_temp.a(1), '1'),
  pg_temp.outcome(pg_temp.a(2), '2'),
  jsonb_build_object('step_uuid', pg_temp.a(3), 'result', repeat('x', 2000000)),
  pg_temp.outcome('00000000-0000-7000-8fff-fffffff00001', '4'),
  jsonb_build_object('step_uuid', pg_temp.a(4), 'error', 'no')) as outcomes \gset
select format('select * from tasker.finish_and_claim(''test'', ''w1'', %L, %L, 1, p_refused => '
  '%%L)', :'token', :'outcomes') as call \gset

select is(left(pg_temp.refusal(format(:'call', false)), 5), 'TK006',
  'all or nothing, unless asked');
create temp table answer as select *
 from tasker.finish_and_claim('test', 'w1', :'token', :'outcomes', 1, p_refused => true);
select results_eq('select step_uuid, refused ->> ''code'' from answer where token is null',
  format($$ values (%L::uuid, 'TK001'), (%L, 'TK006'),
    ('00000000-0000-7000-8fff-fffffff00001', 'TK002') $$, pg_temp.a(2), pg_temp.a(3)),
  'each that is refused has a row, in their order');
select ok(bool_and(name is null and handler is null and token is null and refused ? 'message'),
  'which is not a step') from answer where refused is not null;
select is((select refused ->> 'detail' from answer where step_uuid = pg_temp.a(2)), 'cancelled',
  'and says why');
select results_eq('select step_uuid from answer where refused is null', array[pg_temp.a(5)],
  'the claimed step comes behind them');
select is((select max(ctid) from answer), (select ctid from answer where refused is null),
  'it is the last');
select is(pg_temp.step_state(pg_temp.a(1)), 'complete', 'what can be applied is applied');
select is(pg_temp.step_state(pg_temp.a(4)), 'waiting_for_retry', 'failures, too');
select is(pg_temp.step_state(pg_temp.a(3)), 'in_progress',
  'what was too large is still in its hands');

-- Repeated, and all refused.
select results_eq(format('select step_uuid from tasker.finish_and_claim(''test'', ''w1'', %L, %L, '
  '1, p_refused => true) where refused is null', :'token', :'outcomes'),
  array[pg_temp.a(5)], 'a repeated call gets the same claim');
select results_eq(format('select step_uuid from tasker.finish_and_claim(''test'', ''w1'', %L, %L, '
  '1, p_refused => true) where refused is null', :'token',
    pg_temp.outcomes(pg_temp.outcome(pg_temp.a(2)))), array[pg_temp.a(6)],
    'who has nothing but refusals goes on');
select is(left(pg_temp.refusal(format('select from tasker.finish_and_claim(''test'', ''w1'', %L, '
  '''{}'', 1, p_refused => true)', :'token')), 5), '22023', 'what is not a list is an error');
select is_empty('select from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
