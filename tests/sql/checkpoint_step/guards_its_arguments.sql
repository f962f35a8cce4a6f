begin;
\ir ../fixtures.psql
select plan(7);
select pg_temp.a_task() as task \gset
select pg_temp.step(:'task', 'only') as only \gset
select pg_temp.a_claim(p_lease => '10 seconds') as token \gset
create function pg_temp.large (p_thousands integer) returns jsonb language sql as $$
select to_jsonb(string_agg(md5(i::text), '')) from generate_series(1, p_thousands * 1000) as i
$$;
select format('select from tasker.checkpoint_step(%L, %L, pg_temp.large(%%s))', :'only', :'token')
  as call \gset
select lives_ok(format(:'call', 32), 'a megabyte is let in');
select is(pg_temp.refusal(format(:'call', 33)) like 'TK006%', true, 'not more');
select is(pg_temp.refusal(format('select from tasker.checkpoint_step(%L, %L, null, null, %L)',
  :'only', :'token', lease)) like '22023%', true, 'no lease of ' || lease)
  from unnest('{0,-1 second}'::text[]) as lease;
select is((select lease_until from tasker.checkpoint_step(:'only', :'token', '1')),
  timestamptz '2030-01-01 00:00:10Z', 'the lease stays');
select is((select lease_until from tasker.checkpoint_step(:'only', :'token', '1', 2, '1 minute')),
  timestamptz '2030-01-01 00:01Z', 'K4: unless it is to be extended');

create schema shop;
create function shop.load (jsonb, jsonb) returns jsonb language sql as 'select null::jsonb';
select from tasker.register_template('{"name": "sql", "namespace_name": "test", "version": "1.0.0",
  "steps": [{"name": "load", "handler": {"sql": "shop.load"}}]}');
select pg_temp.a_task('sql') as task \gset
select pg_temp.a_claim() as token \gset
select is(pg_temp.refusal(format('select from tasker.checkpoint_step(%L, %L, ''1'')',
  pg_temp.step(:'task', 'load'), :'token')), '22023: its handler is sql:shop.load',
  'one transaction needs none');
select * from finish();
rollback;
