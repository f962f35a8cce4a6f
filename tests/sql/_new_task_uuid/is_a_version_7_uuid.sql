begin;
\ir ../fixtures.psql
select plan(8);
create temp table made as
select task_id, at, tasker._new_task_uuid(task_id, at) as uuid
  from generate_series(1, 50) as task_id,
    generate_series('2030-01-01 00:00Z'::timestamptz, '2030-01-01 00:00:00.009Z', '1 ms') as at;

select is_empty($$ select from made where substr(uuid::text, 15, 1) <> '7' $$, 'the version is 7');
select is_empty($$ select from made where substr(uuid::text, 20, 1) !~ '[89ab]' $$,
  'the variant is RFC 9562''s');
select is_empty($$ select from made where right(uuid::text, 5) <> '00000' $$,
  'the low 20 bits are zero');
select is_empty($$ select from made
  where ('x' || left(replace(uuid::text, '-', ''), 12))::bit(48)::bigint <> extract(epoch from at) *
  1000 $$, 'the first 48 bits are milliseconds');
select is_empty('select from made join made as later on later.at > made.at where later.uuid <= '
  'made.uuid', 'a later one is greater');
select cmp_ok((select count(distinct substr(uuid::text, 16, 3)) from made), '>', 300::bigint,
  'twelve bits are random');

-- The ends of the scale.
select is(left(tasker._new_task_uuid(1, '1970-01-01Z')::text, 13), '00000000-0000', 'from 1970');
select is(tasker._step_id(tasker._new_task_uuid(4398046511103, '9999-12-31Z')) >> 20, 4398046511103,
  'to 9999 and the largest id');

select * from finish();
rollback;
