begin;
\ir ../fixtures.psql
select plan(11);
select pg_temp.a_template('t', '{"a": []}');
select from tasker.create_tasks('test', 't', array_fill('{}'::jsonb, array[4]));
create temp table mine as select step_uuid, token from tasker.claim_steps('test', 'w1', 4);
create function pg_temp.report (p_from integer, p_count integer) returns integer language sql as $$
select count(*)::integer
from tasker.finish_and_claim('test', 'w1', (select token from mine limit 1),
  (select jsonb_agg(pg_temp.outcome(step_uuid))
    from (select step_uuid from mine order by 1 offset p_from limit p_count) as part), 5)
$$;

select is(pg_temp.report(0, 1), 0, 'one of four');
select results_eq('select token, cardinality(step_ids) from tasker.claims',
  'select token, 3 from mine limit 1', 'the same claim holds the other three');
select is((select count(*) from tasker.steps where state = 'in_progress'), 3::bigint,
  'which still run');
select results_eq('select cancelled_step_uuids from tasker.heartbeat((select token from mine limit '
  '1))', $$ values ('{}'::uuid[]) $$, 'and can be kept alive');
select is(pg_temp.report(0, 1), 0, 'a repeated report changes nothing');
select is((select cardinality(step_ids) from tasker.claims), 3, 'and takes nothing away');
select throws_ok('select pg_temp.report(0, 2)', 'TK001', null,
  'one that mixes old and new is refused');
select is(pg_temp.report(1, 2), 0, 'two more');

select from tasker.create_tasks('test', 't', array_fill('{}'::jsonb, array[2]));
select is(pg_temp.report(3, 1), 2, 'the last one; two new ones come with it');
select is((select count(*) from tasker.claims where token = (select token from mine limit 1)),
  0::bigint, 'the claim is gone with its last step');
select is((select count(*) from tasker.tasks where state = 'complete'), 4::bigint,
  'all four are done');

select * from finish();
rollback;
