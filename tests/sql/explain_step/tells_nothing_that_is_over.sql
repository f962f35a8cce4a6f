begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('t', '{"a": [], "b": [], "c": ["a", "b"], "d": ["c"]}',
  '{"max_attempts": 3, "backoff": "none"}');
create function pg_temp.said (p_task uuid, p_name text) returns text[] language sql as $$
select array_agg(format('%s (%s)', code, reason) order by rank)
from tasker.explain_step(pg_temp.step(p_task, p_name))
$$;
create function pg_temp.handed_in (p_task uuid, p_name text, p_token uuid) returns bigint
 language sql as $$
select submission_id
from tasker.submit_step_results(p_token,
  pg_temp.outcomes(pg_temp.outcome(pg_temp.step(p_task, p_name))))
$$;

-- Two steps in one claim, submitted one after the other.
select pg_temp.a_task('t') as task \gset
select pg_temp.a_claim(2) as token \gset
select pg_temp.handed_in(:'task', 'a', :'token');
select is(pg_temp.said(:'task', 'a'),
  array['submitted (the outcome of attempt 1 of 3 was submitted 0 s ago and waits to be '
    'processed)'], 'it is submitted, and does not run');
select is(pg_temp.said(:'task', 'b'),
  array['running (attempt 1 of 3 has run at w1 for 0 s; its lease ends in 30 s)'],
  'the other one runs');
select pg_temp.handed_in(:'task', 'b', :'token');
select is(pg_temp.said(:'task', 'a'),
  array['submitted (the outcome of attempt 1 of 3 was submitted 0 s ago and waits to be '
    'processed)'], 'each in its own submission');

-- An operator is faster than who holds a step, or has handed it in.
select from tasker.cancel_task(:'task', 'enough');
insert into tasker.deferred_decrements (step_id, amount)
 values (tasker._step_id(pg_temp.step(:'task', 'c')), 1);
select is(pg_temp.said(:'task', name), array['ended (it is cancelled)'],
  name || ' has ended, and waits for nothing') from unnest(array['a', 'c']) as name;
select pg_temp.a_task('t') as held \gset
select pg_temp.a_claim(2) as token \gset
select from tasker.cancel_task(:'held', 'enough');
select is(pg_temp.said(:'held', 'a'), array['ended (it is cancelled)'], 'it does not run');
select pg_temp.later('1 minute');
select is(pg_temp.said(:'held', 'a'), array['ended (it is cancelled)'], 'and waits for no sweep');
select from tasker.sweep();

-- Parents that are done, and joins of others.
select pg_temp.a_task('t') as task \gset
create temp table claimed as select name, step_uuid, token from tasker.claim_steps('test', 'w1', 2);
select from claimed, tasker.complete_step(step_uuid, token) where name = 'a';
insert into tasker.deferred_decrements (step_id, amount)
 values (tasker._step_id(pg_temp.step(:'task', 'c')), 1);
select is(pg_temp.said(:'task', 'c'),
  array['uncounted (finished parents are yet to be counted; the next sweep or an idle worker does '
    'it)',
  'waits_for_step (waits for b: attempt 1 of 3 has run at w1 for 0 s; its lease ends in 30 s)'],
  'it waits for one of its parents');
select is(pg_temp.said(:'task', 'd'),
  array['waits_for_step (waits for c: finished parents are yet to be counted; the next sweep or an '
    'idle worker does it)',
  'waits_for_step (waits for b, further up: attempt 1 of 3 has run at w1 for 0 s; its lease ends '
  'in 30 s)'], 'the joins of others are theirs');

select * from finish();
rollback;
