begin;
\ir ../fixtures.psql
select plan(11);

-- In one transaction nothing is settled: tests/py/test_metrics.py counts.
select next_after::text as after from tasker.count_events() limit 1 \gset
select set_eq($$ select from_state, outcome from tasker.count_events() where subject = 'step' $$,
  $$ select from_state, to_state from tasker.legal_transitions where entity = 'step' $$,
  'changes of steps');
select set_eq($$ select from_state, outcome from tasker.count_events() where subject = 'task' $$,
  $$ select from_state, to_state from tasker.legal_transitions where entity = 'task' $$,
  'changes of tasks');
select set_eq($$ select subject, outcome from tasker.count_events()
  where subject not in ('task', 'step', 'claiming to finalize') $$,
  $$ values ('late write', 'lease expired'), ('late write', 'taken over'),
    ('late write', 'unknown'),
            ('finalization claim', 'claimed'), ('finalization claim', 'extended'),
            ('finalization claim', 'finalized'), ('finalization claim', 'released'),
            ('finalization claim', 'expired'), ('finalization claim', 'already_claimed'),
            ('finalization claim', 'already_complete'), ('finalization claim', 'not_ready'),
            ('finalization claim', 'not_found') $$,
  'other events');
select results_eq($$ select outcome from tasker.count_events()
  where subject = 'claiming to finalize' order by outcome::float8 $$,
  $$ values ('0.0005'), ('0.001'), ('0.0025'), ('0.005'), ('0.01'), ('0.025'), ('0.05'), ('0.1'),
            ('0.25'), ('1'), ('Infinity') $$, 'the bounds of a histogram');
select is((select sum(events) from tasker.count_events(:'after')), 0::numeric,
  'nothing has happened');
select is((select count(distinct next_after) from tasker.count_events(:'after')), 1::bigint,
  'one next_after');
select throws_ok($$ select * from tasker.count_events('{}') $$, '22023');
select throws_ok($$ select * from tasker.count_events('[]') $$, '22023');
select throws_ok($$ select *
  from tasker.count_events('{"settled": "x", "since": "2030-01-01T00:00Z", "next": "1", "at": '
    '"2030-01-01T00:00Z"}') $$, '22023');
select throws_ok($$ select *
  from tasker.count_events('{"settled": "1", "since": "never", "next": "1", "at": '
    '"2030-01-01T00:00Z"}') $$, '22023');
select throws_ok($$ select *
  from tasker.count_events('{"settled": "1", "since": "2030-01-01T00:00Z", "next": null, "at": '
    '"2030-01-01T00:00Z"}') $$, '22023');

select * from finish();
rollback;
