begin;
\ir ../fixtures.psql
select plan(6);
create function pg_temp.made () returns setof text language sql as $$
select proname::text from pg_proc where pronamespace = 'tasker_queues'::regnamespace
order by proname collate "C"
$$;
select is_empty('select pg_temp.made()', 'there are none');
select from tasker.create_namespace('shop');
select results_eq('select pg_temp.made()',
  array['pop_shop_queue', 'pop_shop_queue_high', 'pop_shop_queue_low',
  'push_shop_queue', 'push_shop_queue_high', 'push_shop_queue_low'], 'two for each queue');
drop function tasker_queues.pop_shop_queue;
select from tasker.create_namespace('shop');
select is((select count(*) from pg_temp.made()), 6::bigint, 'what is missing is made again');
drop function tasker_queues.push_shop_queue_low;
select is((select affected from tasker.sweep() where action = 'queues_recreated'), 1,
  'by the sweep, too');
select is((select count(*) from pg_temp.made()), 6::bigint, 'all are there');
select from tasker.drop_namespace('shop');
select is_empty('select pg_temp.made()', 'they go with the namespace');

select * from finish();
rollback;
