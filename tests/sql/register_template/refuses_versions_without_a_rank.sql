begin;
\ir ../fixtures.psql
select plan(3);

select throws_ok($$
  select pg_temp.a_template('flow', '{"only": []}', p_more => '{"version": "01.0.0"}') $$, '22023',
  null,
  'leading zeros: 01.0.0 and 1.0.0 would be two versions of one rank');
select throws_ok($$
  select pg_temp.a_template('flow', '{"only": []}', p_more => '{"version": "1.0"}') $$, '22023',
  null, 'two numbers');
select lives_ok($$
  select pg_temp.a_template('flow', '{"only": []}', p_more => '{"version": "0.10.0"}') $$,
  'zeros that count');

select * from finish();
rollback;
