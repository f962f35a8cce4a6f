begin;
\ir ../fixtures.psql
select plan(10);

-- In one transaction nothing is settled: tests/py/test_metrics.py counts.
select next_after::text as after from tasker.count_events() limit 1 \gset
select set_eq($$ select from_state, outcome from tasker.count_events() where subject = 'step' $$,
  $$ select from_state, to_state from tasker.legal_transitions where entity = 'step' $$,
  'changes of steps');
select set_eq($$ select from_state, outcome from tasker.count_events() where subject = 'task' $$,
  $$ select from_state, to_state from tasker.legal_transitions where entity = 'task' $$,
  'changes of tasks');
select set_eq($$ select subject, outcome from tasker.count_events()
  where subject not in ('task', 'step') $$,
  $$ values ('late write', 'lease expired'), ('late write', 'taken over'),
    ('late write', 'unknown'),
            ('finalization claim', 'finalized'), ('finalization claim', 'released'),
            ('finalization claim', 'expired'),
            ('refused finalization claim', 'already_claimed'),
            ('refused finalization claim', 'already_complete'),
            ('refused finalization claim', 'not_ready'),
            ('refused finalization claim', 'not_found') $$,
  'other events');
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
