-- Strict inputs of handlers in SQL: a typo is an error, never a quiet null.
begin;
\ir ../fixtures.psql
select plan(19);
create temp table given as select
  '{"reserve": {"total": 7, "none": null, "items": [{"n": 1}, {"n": 2}]}, "skipped": null}'::jsonb
    as results;
prepare got (text, text) as select tasker.result(given.results, $1, $2) from given;

select results_eq($$ execute got ('reserve', '$.total') $$, $$ values ('7'::jsonb) $$, 'a value');
select results_eq($$ execute got ('reserve', '$.none') $$, $$ values ('null'::jsonb) $$,
  'null is a value');
select is(tasker.result('{"a": 3}', 'a'), '3', 'the whole result');
select is(pg_temp.refusal($$ execute got ('reserve', '$.totl') $$),
  '22023: step reserve has 0 values at $.totl: its result is an object with the keys items, none, '
  'total', 'a typo in the path');
select is(pg_temp.refusal($$ execute got ('resreve', '$.total') $$),
  '22023: ''resreve''; the parents are reserve, skipped', 'a typo in the step');
select throws_ok($$ execute got ('skipped', '$') $$, '22023',
  'not one value in the result of a parent', 'a parent without a result');
select is(pg_temp.refusal($$ execute got ('reserve', '$.items[*].n') $$),
  '22023: step reserve has 2 values at $.items[*].n: its result is an object with the keys items, '
  'none, total', 'several values');
select throws_ok($$ execute got ('reserve', '$.items.n') $$, '22023', null, 'strict');
select is(tasker.result('{"a": [{"n": 1}]}', 'a', 'lax $.n'), '1', 'unless it says lax');
select throws_ok($$ execute got ('reserve', 'total') $$, '22023', 'not an SQL/JSON path',
  'not a path');
select throws_ok($$ execute got (null, '$') $$, '22023', 'no such parent', 'no step');
select is(tasker.result('{"a": 3}', 'a', null), '3', 'null is the default');
select throws_ok($$ select tasker.result(null, 'a') $$, '22023', null, 'no results');
select throws_ok($$ select tasker.result('[]', 'a') $$, '22023', null, 'results that are none');

select is(tasker.result_or(given.results, 'reserve', '$.totl', '1'), '1', 'a default') from given;
select is(tasker.result_or(given.results, 'skipped', '$.total', null), null,
  'for a parent without a result') from given;
select throws_ok($$ select tasker.result_or('{"a": 1}', 'b', '$', '1') $$, '22023',
  'no such parent', 'but for no typo in the step');

select results_eq($$ select tasker.rows(results, 'reserve', '$.items') -> 'n' from given $$,
  $$ values ('1'::jsonb), ('2'::jsonb) $$, 'the elements of an array');
select is(pg_temp.refusal($$ select tasker.rows(results, 'reserve', '$.total') from given $$),
  '22023: step reserve has at $.total the number 7', 'what is not an array');

select * from finish();
rollback;
