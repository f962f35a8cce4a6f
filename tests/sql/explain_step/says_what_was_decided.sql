-- F8: each decision is quoted, with what it saw.
begin;
\ir ../fixtures.psql
select plan(15);
create function pg_temp.shown (p_task uuid, p_name text) returns text language sql as $$
select code || ': ' || reason from tasker.explain_step(pg_temp.step(p_task, p_name)) where rank = 1
$$;
select pg_temp.gated('order', '[
  {"name": "check"}, {"name": "large", "dependencies": ["check"], "if": "$.context.total > 100"},
  {"name": "pay", "dependencies": ["check"]}, {"name": "free", "dependencies": ["large"]},
  {"name": "both", "dependencies": ["large", "check"], "run_on": "full_success"},
  {"name": "ship", "dependencies": ["pay"]},
  {"name": "alert", "dependencies": ["pay", "both", "free"], "run_on": "failure"}]');
select pg_temp.a_task('order', '{"total": 80}') as task \gset
select is((select reason from tasker.explain_step(pg_temp.step(:'task', 'alert'))
            where code = 'waits_for_parents'),
  'waits for 3 of 3 parents to end, then runs if one of them failed', 'pending');
select is((select reason from tasker.explain_step(pg_temp.step(:'task', 'large'))
            where code = 'waits_for_parents'), 'waits for 1 of 1 parents to end, then runs if none '
  'of them failed and one is done, and $.context.total > 100', 'its condition');
select pg_temp.play('{"skip": ["ship"]}');
select is(pg_temp.shown(:'task', 'large'),
  'ended: skipped: its condition $.context.total > 100 was false (total is 80)', 'a condition');
select is(pg_temp.shown(:'task', 'free'), 'ended: skipped: all of its parents were skipped',
  'a chain');
select is(pg_temp.shown(:'task', 'both'), 'ended: skipped: one of its parents was skipped',
  'full_success');
select is(pg_temp.shown(:'task', 'ship'), 'ended: skipped: its handler skipped it: nothing to do',
  'a handler');
select is(pg_temp.shown(:'task', 'alert'), 'ended: skipped: none of its parents failed', 'failure');

select pg_temp.a_task('order', '{"total": 80}') as task \gset
select pg_temp.play('{"fail": ["check"]}');
set local time zone 'UTC';
select is(pg_temp.shown(:'task', 'ship'), 'ended: upstream_failed: check failed at 00:00 (no)',
  'behind a failed step');
select is((select cure from tasker.explain_step(pg_temp.step(:'task', 'ship')) where rank = 1),
  format('select * from tasker.retry_step(%L, ''<why>'')', pg_temp.step(:'task', 'check')),
  'with its cure');
select is((select count(*) from tasker.explain_task(:'task')
            where code in ('failed', 'ended')), 2::bigint, 'explain_task');

select pg_temp.gated('lenient', '[{"name": "a", "on_error": "skip"}]');
select pg_temp.a_task('lenient') as task \gset
select pg_temp.play('{"fail": ["a"]}');
select is(pg_temp.shown(:'task', 'a'),
  'ended: skipped: its last attempt failed (no), and its on_error is skip', 'on_error');

select pg_temp.gated('two', '[{"name": "a"}, {"name": "b", "on_error": "continue"},
  {"name": "c", "dependencies": ["a", "b"]}]');
select pg_temp.a_task('two') as task \gset
select pg_temp.play('{"fail": ["a", "b"]}');
select is(pg_temp.shown(:'task', 'c'), 'ended: upstream_failed: a failed at 00:00 (no)',
  'of two failures the one that matters');

select pg_temp.gated('three', '[{"name": "a"}, {"name": "b"}, {"name": "c"},
  {"name": "alert", "dependencies": ["a", "b", "c"], "run_on": "failure"}]');
select pg_temp.a_task('three') as task \gset
select from tasker.complete_step(pg_temp.step(:'task', 'a'), pg_temp.a_claim());
select is((select reason from tasker.explain_step(pg_temp.step(:'task', 'alert'))
            where code = 'waits_for_parents'),
  'waits for 2 of 3 parents to end, then runs if one of them failed', 'one has');

-- Left for later.
select pg_temp.a_task('order', '{"total": 80}') as task \gset
insert into tasker.undecided
select tasker._step_id(pg_temp.step(:'task', 'large')), tasker._now();
select is((select code from tasker.explain_step(pg_temp.step(:'task', 'large'))
            where code = 'undecided'), 'undecided', 'undecided');
select isnt_empty($$ select from tasker.check_invariants()
  where invariant = 'an undecided step is pending' $$, 'which it must not be while parents run');

select * from finish();
rollback;
