begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('t', '{"a": []}');
create function pg_temp.created (p_bytes integer) returns text language sql as $$
select pg_temp.refusal(format('select pg_temp.a_task(''t'', %L)',
  jsonb_build_object('x', repeat('x', p_bytes))))
$$;

select is(pg_temp.created(20000), null, '20 kB may be as it is');
select results_eq($$ select name, value, previous,
  changed from tasker.set_limit('context_bytes', 10000, 'small disks') $$,
  $$ values ('context_bytes', 10000, 1048576, true) $$, 'it says what it was');
select alike(pg_temp.created(20000), 'TK006: 200% bytes, at most 10000', 'and holds at once');
select is(pg_temp.created(9000), null, 'for what is over it');
select results_eq($$ select value, previous,
  changed from tasker.set_limit('context_bytes', 10000, 'again') $$,
  $$ values (10000, 10000, false) $$, 'once more changes nothing');
select results_eq($$ select verb, subject, reason from tasker.operator_history $$,
  $$ values ('set_limit', 'context_bytes = 10000', 'small disks') $$,
  'it is written down with its reason, once');
select results_eq('select count(*) from tasker.tasks where context ->> ''x'' <> ''''',
  array[2::bigint], 'what was let in before stays');
select is_empty('select from tasker.check_invariants()', 'and is well');

select * from finish();
rollback;
