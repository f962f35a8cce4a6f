begin;
\ir ../fixtures.psql
select plan(9);
select pg_temp.a_template('t', '{"a": []}');
select from tasker.create_tasks('test', 't',
  (select array_agg(jsonb_build_object('n', n)) from generate_series(1, 7) as n));

create temp view next as select (context ->> 'n')::integer as n,
  token from tasker.claim_steps('test', 'w1', 3);
create temp table first as select * from next;
create temp table second as select * from next;
select results_eq('select n from first', array[1, 2, 3], 'the oldest, as many as asked for');
select results_eq('select n from second', array[4, 5, 6], 'then the next');
select results_eq('select n from next', array[7], 'then what is left');
select is_empty('select n from next', 'then nothing');

select is((select count(distinct token) from first), 1::bigint, 'a call is one claim');
select isnt((select token from first limit 1), (select token from second limit 1),
  'each call its own');
select results_eq('select worker, claimed_at, lease_until, cardinality(step_ids) from '
  'tasker.claims order by step_ids',
  $$ select 'w1', tasker._now(), tasker._now() + '30 seconds',
    steps from unnest('{3,3,1}'::integer[]) as steps $$, 'claims say who and until when');
select is((select count(*) from tasker._changes where change = 'step enqueued -> in_progress'
  and actor = 'w1'), 7::bigint, 'so does history');

-- Without a limit, one.
select from tasker.create_tasks('test', 't', '{"{}","{}"}');
select is((select count(*) from tasker.claim_steps('test', 'w1')), 1::bigint,
  'one step unless more are asked for');

select * from finish();
rollback;
