begin;
\ir ../fixtures.psql
select plan(8);
select pg_temp.a_template('t', '{"a": []}');
select from unnest(array['high', 'normal', 'low']) as priority,
     lateral tasker.create_tasks('test', 't',
       array_fill(jsonb_build_object('p', priority), array[600]),
       jsonb_build_object('priority', priority));
create function pg_temp.claimed (p_limit integer) returns jsonb language sql as $$
select jsonb_object_agg(p, count)
from (select context ->> 'p' as p, count(*) from tasker.claim_steps('test', 'w1', p_limit)
  group by 1) as share
$$;

select is(pg_temp.claimed(10), '{"high": 6, "normal": 3, "low": 1}', 'ten are shared 6 : 3 : 1');
select is(pg_temp.claimed(100), '{"high": 60, "normal": 30, "low": 10}', 'so are a hundred');

-- One at a time the shares are drawn: nobody starves, and the order is kept.
select setseed(0.5);
create temp table drawn as select key as p, sum(value::integer) as count
  from generate_series(1, 300) as i, lateral jsonb_each_text(pg_temp.claimed(i - i + 1)) group by 1;
select cmp_ok((select count from drawn where p = 'low'), '>=', 7::bigint,
  'the low ones get their turn');
select cmp_ok((select count from drawn where p = 'normal'), '>=', 60::bigint,
  'the normal ones theirs');
select cmp_ok((select count from drawn where p = 'high'), '>=', 150::bigint, 'the high ones most');

-- What one does not use the others get.
select from pgmq.purge_queue('test_queue_high');
select pg_temp.later('1 second');
select is((select count(*) from tasker.claim_steps('test', 'w1', 40)), 40::bigint,
  'a call is filled when a queue is empty');
select from pgmq.purge_queue('test_queue');
select pg_temp.later('1 second');
select is(pg_temp.claimed(40), '{"low": 40}', 'by the low ones alone when nothing else is there');
select from tasker.create_tasks('test', 't', array_fill('{"p": "high"}'::jsonb, array[5]),
  '{"priority": "high"}');
select pg_temp.later('1 second');
select is(pg_temp.claimed(10), '{"high": 5, "low": 5}',
  'a high one that arrives is noticed within a second');

select * from finish();
rollback;
