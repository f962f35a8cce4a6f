-- Patterns run on text from outside.
begin;
\ir ../fixtures.psql
select plan(5);
set local statement_timeout = '5s';

select is(tasker._schema_problem('{"pattern": "x"}', to_jsonb(repeat('y', 10001)), 'context'),
  'context has 10001 characters, at most 10000 are matched against a pattern',
  'longer text is not matched at all');
select is(tasker._schema_problem('{"pattern": "x$"}', to_jsonb(repeat('y', 9999) || 'x'),
  'context'), null, '10000 characters are');
select matches(tasker._schema_problem(jsonb_build_object('pattern', pattern),
  to_jsonb(repeat('a', 9999) || 'b'), 'context'), 'need a match', pattern)
  from unnest(array['^(a|aa)+$', '^(([a-z])+.)+[A-Z]([a-z])+$', '^(.*a.*){9}(?=.*x)$']) as pattern;

select * from finish();
rollback;
