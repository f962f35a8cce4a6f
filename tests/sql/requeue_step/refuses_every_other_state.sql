begin;
\ir ../fixtures.psql
select plan(15);
create function pg_temp.refused (p_task uuid, p_step text) returns text language plpgsql as $$
declare
  v_code text; v_detail text; v_hint text;
begin
  perform tasker.requeue_step(pg_temp.step(p_task, p_step), 'why');
  return null;
exception when others then
  get stacked diagnostics v_code = returned_sqlstate, v_detail = pg_exception_detail,
  v_hint = pg_exception_hint;
  return concat_ws(': ', v_code, v_detail, v_hint);
end
$$;
-- A step in each state: a complete, b submitted, c waiting_for_retry, d resolved, e pending, f in
-- error; g is still in the claim of b.
select pg_temp.a_template('all',
  '{"a": [], "b": ["a"], "c": ["a"], "d": ["a"], "e": ["b"], "f": ["a"], "g": ["a"]}');
select pg_temp.a_task('all') as task \gset
select pg_temp.a_claim() as token \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), :'token');
select pg_temp.a_claim(9) as token \gset
select from unnest('{c,f}'::text[]) as name,
  tasker.fail_step(pg_temp.step(:'task', name), :'token', '"no"', name = 'c');
select from tasker.resolve_step(pg_temp.step(:'task', 'd'), 'by hand');
select from tasker.submit_step_results(:'token',
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(:'task', 'b'), '1')));

select is(pg_temp.refused(:'task', name), 'TK003: the step is ' || refusal, name)
  from (values ('a', 'complete: It has ended, and will not run again.'),
               ('b', 'in_progress, its outcome submitted: process_step_results, or a sweep, '
                 'applies it.'),
               ('c', 'waiting_for_retry: retry_step runs it at once.'),
               ('d', 'resolved_manually: It has ended, and will not run again.'),
               ('e', 'pending: explain_step says what it waits for.'),
               ('f', 'error: retry_step runs it again.')) as step (name, refusal);
select is((select count(*) from tasker.operator_actions where verb = 'requeue_step'), 0::bigint,
  'nothing was done');
select results_eq('select completed from tasker.process_step_results()', array[1],
  'what was submitted is applied');
select is(pg_temp.step_state(pg_temp.step(:'task', 'b')), 'complete', 'and counts');

select throws_ok('select from tasker.requeue_step(null, ''why'')', '22023', 'a step is needed',
  'null step');
select throws_ok('select from tasker.requeue_step(gen_random_uuid(), ''why'')', 'TK002',
  'step not found', 'unknown step');
select throws_ok(format('select from tasker.requeue_step(%L, %L)', pg_temp.step(:'task', 'e'),
  reason), '22023',
  'a reason of 1 to 1000 characters is needed', coalesce(left(reason, 10), 'no reason'))
  from unnest(array[null, ' ', repeat('x', 1001)]) as reason;
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
