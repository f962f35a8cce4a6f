begin;
\ir ../fixtures.psql
select plan(4);
-- As it stands in its table, it is compressed.
create temp table kept (id integer, value jsonb);
insert into kept values (1, to_jsonb(repeat('x', 10000000))),
  (2, (repeat('[', 3000) || repeat(']', 3000))::jsonb), (3, '{}');
create function pg_temp.checked (p_id integer) returns text language sql as $$
select pg_temp.refusal(format('select tasker._check_json(value, ''it'', ''context_bytes'') from '
  'pg_temp.kept where id = %s', p_id))
$$;

select is((select pg_column_size(value) < 200000 from kept where id = 1), true,
  '10 MB take little room');
select is(pg_temp.checked(1), 'TK006: 10000012 bytes, at most 1048576', 'and are 10 MB');
select is(pg_temp.checked(2), 'TK006: more than 128 levels of arrays and objects',
  'as deep as it is');
select is(pg_temp.checked(3), null, 'a small one passes');

select * from finish();
rollback;
