begin;
\ir ../fixtures.psql
select plan(9);
create function pg_temp.nested (p_open text, p_close text, p_levels integer, p_leaf text default '')
 returns jsonb language sql as $$
select (repeat(p_open, p_levels) || p_leaf || repeat(p_close, p_levels))::jsonb
$$;

select is(tasker._is_deep(pg_temp.nested('[', ']', 128), 128), false, 'as many arrays as may be');
select is(tasker._is_deep(pg_temp.nested('[', ']', 129), 128), true, 'one more');
select is(tasker._is_deep(pg_temp.nested('{"a":', '}', 128, '1'), 128), false,
  'as many objects as may be, with something in the last');
select is(tasker._is_deep(pg_temp.nested('{"a":', '}', 129, '1'), 128), true, 'one object more');
select is(tasker._is_deep(pg_temp.nested('[{"a":', '}]', 65, '1'), 128), true,
  'both, one in the other');
select is(tasker._is_deep(null, 128), null, 'null');
select is(tasker._is_deep('5', 1), false, 'a scalar');
select is(tasker._is_deep('[[], {}, [1, [2]]]', 2), true, 'the deepest place counts');
-- A stack of 100 kB holds a few hundred levels of a recursion that goes to the end.
set local max_stack_depth = '2MB';
create temp table deep as select pg_temp.nested('[', ']', 5000) as value;
set local max_stack_depth = '100kB';
select is((select tasker._is_deep(value, 128) from deep), true, 'what is too deep for the stack');

select * from finish();
rollback;
