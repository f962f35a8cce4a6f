begin;
\ir ../fixtures.psql
select plan(4);
create function pg_temp.nested (p_levels integer) returns jsonb language sql as $$
select (repeat('[', p_levels) || repeat(']', p_levels))::jsonb
$$;
prepare check_depth as select tasker._check_depth(pg_temp.nested($1), 'it');

select lives_ok('execute check_depth(128)', 'as deep as it may be');
select is(pg_temp.refusal('execute check_depth(129)'),
  'TK006: more than 128 levels of arrays and objects', 'one level more');
select from tasker.set_limit('json_depth', 200, 'trees');
select lives_ok('execute check_depth(200)', 'as deep as it may be then');
select is(pg_temp.refusal('execute check_depth(201)'),
  'TK006: more than 200 levels of arrays and objects', 'one level more');

select * from finish();
rollback;
