begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_template('t', '{"far": [], "near": [], "pack": ["far"], "ship": ["pack", "near"]}',
  '{"max_attempts": 1}');
select pg_temp.a_task('t') as task \gset
prepare explain as select code, blocks, reason,
  cause_uuid from tasker.explain_step(pg_temp.step(:'task', 'ship'));
create temp table held as select name, step_uuid, token from tasker.claim_steps('test', 'w1', 2);
select from held, tasker.fail_step(step_uuid, token, '"no address"', true) where name = 'far';

select results_eq('explain', format($$ values
  ('waits_for_step', true, 'waits for far, further up: attempt 1 of 1 failed: no address',
    %L::uuid),
  ('waits_for_step', true,
    'waits for near: attempt 1 of 1 has run at w1 for 0 s; its lease ends in 30 s', %L) $$,
  pg_temp.step(:'task', 'far'), pg_temp.step(:'task', 'near')),
  'what failed first, then what runs');
select is((select cure from tasker.explain_step(pg_temp.step(:'task', 'ship')) where rank = 1),
  format('select * from tasker.retry_step(%L, ''<why>'')', pg_temp.step(:'task', 'far')),
  'with the cure of the cause');

-- Many causes: 20, and how many more.
select pg_temp.a_template('wide',
  (select jsonb_object_agg('p' || n, '[]'::jsonb) from generate_series(1, 30) as n)
  || jsonb_build_object('join', (select jsonb_agg('p' || n) from generate_series(1, 30) as n)),
  '{"max_attempts": 1}');
select pg_temp.a_task('wide') as wide \gset
select from tasker.claim_steps('test', 'w1', 30) as step,
  tasker.fail_step(step.step_uuid, step.token, '"late"') where step.name = 'p30';
select results_eq($$ select count(*), min(reason) filter (where rank = 1),
  max(reason) filter (where rank = 21)
                       from tasker.explain_step(pg_temp.step('$$ || :'wide' || $$', 'join')) $$,
  $$ values (21::bigint, 'waits for p30: attempt 1 of 1 failed: late', 'and for 10 more') $$,
  'the worst first');

-- A join whose parents are done and not yet counted.
select from tasker.retry_step(pg_temp.step(:'wide', 'p30'), 'again');
insert into tasker.deferred_decrements (step_id, amount)
 values (tasker._step_id(pg_temp.step(:'wide', 'join')), 1);
select is((select reason from tasker.explain_step(pg_temp.step(:'wide', 'join'))
  where code = 'uncounted'),
  'finished parents are yet to be counted; the next sweep or an idle worker does it',
  'the join waits to be counted');

-- A task that is to begin later waits in its first step.
select pg_temp.a_template('chain', '{"one": [], "two": ["one"], "three": ["two"]}');
select pg_temp.a_task('chain', p_options => '{"run_at": "2030-01-02 00:00Z"}') as scheduled \gset
select results_eq(format('select code, reason from tasker.explain_step(%L)',
  pg_temp.step(:'scheduled', 'three')),
  $$ values ('waits_for_step', 'waits for one, further up: its task is to begin in 24 h 0 min') $$,
  'a step whose time has not come');

-- What no rule explains is not passed over in silence.
update tasker.steps set state = 'in_progress'
 where step_id = tasker._step_id(pg_temp.step(:'task', 'near'));
delete from tasker.claims;
select results_eq(format('select code, reason, cure from tasker.explain_step(%L)',
  pg_temp.step(:'task', 'near')),
  format($$ values ('broken', 'nothing explains it: an invariant is broken',
    'select * from tasker.check_invariants(''%s'')') $$, :'task'), 'a broken row is called broken');
select is((select count(*) from tasker.explain_step(pg_temp.step(:'task', 'pack'))), 1::bigint,
  'each ancestor once');

select * from finish();
rollback;
