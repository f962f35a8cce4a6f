begin;
\ir ../fixtures.psql
select plan(5);
select pg_temp.a_template('t', '{"a": []}');
select pg_temp.a_template('u', '{"a": []}', p_namespace => 'away');
select pg_temp.a_task('t', jsonb_build_object('n', n), jsonb_build_object('priority', priority))
  from (values (1, 'low'), (2, 'normal'), (3, 'high'), (4, 'normal')) as task (n, priority);
select pg_temp.a_task('u', '{"n": 9}', p_namespace => 'away');
select from tasker.claim_steps('test', 'w', 10, p_handlers => '{x}');
select from tasker.claim_steps('away', 'w', 10, p_handlers => '{x}');
create function pg_temp.next () returns integer language sql as $$
select (context -> 'n')::integer from tasker.claim_steps('test', 'w1', 1, p_handlers => '{a}')
$$;
select is(pg_temp.next(), 3, 'high priority first');
select is(pg_temp.next(), 2, 'then the oldest');
select is(pg_temp.next(), 4, 'of normal priority');
select is(pg_temp.next(), 1, 'low last');
select is(pg_temp.next(), null, 'and nothing of another namespace');

select * from finish();
rollback;
