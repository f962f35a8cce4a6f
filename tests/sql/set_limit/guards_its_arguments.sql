begin;
\ir ../fixtures.psql
select plan(11);
create function pg_temp.set_to (p_name text, p_value integer, p_reason text default 'why')
 returns text language sql as $$
select pg_temp.refusal(format('select * from tasker.set_limit(%L, %L, %L)', p_name, p_value,
  p_reason))
$$;

select is(pg_temp.set_to('nonsense', 1), 'TK002: limit ''nonsense''', 'an unknown limit');
select is(pg_temp.set_to(null, 1), 'TK002: limit null', 'null');
select is(pg_temp.set_to('json_depth', 127), '22023: json_depth is 127, need 128 to 500',
  'under its minimum');
select is(pg_temp.set_to('json_depth', 501), '22023: json_depth is 501, need 128 to 500',
  'over its maximum');
select is(pg_temp.set_to('json_depth', null), '22023: json_depth is null, need 128 to 500',
  'no value');
select is(pg_temp.set_to('json_depth', 200, reason), '22023: got ' || got, got)
  from (values (null, 'null'), ('', '0 characters'), (' ', '1 characters'),
    (repeat('x', 1001), '1001 characters')) as wrong (reason, got);
select is_empty('select name from tasker.list_limits() where value <> initial',
  'nothing was changed');
select is_empty('select from tasker.operator_history', 'nor written down');

select * from finish();
rollback;
