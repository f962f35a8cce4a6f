begin;
\ir ../fixtures.psql
select plan(6);

select from tasker.create_namespace('shop');
select from tasker.create_namespace('shop2');
select from pgmq.drop_queue('shop_queue_low');

select results_eq($$ select name, dropped_queues from tasker.drop_namespace('shop') $$,
  $$ values ('shop', array['shop_queue_high', 'shop_queue', 'shop_queue_low']) $$,
  'it answers the queues, even when one was missing');
select set_eq('select name from tasker.namespaces', array['shop2'],
  'the namespace is gone, the other is not');
select hasnt_table('pgmq', 'q_shop_queue', 'its queue is gone');
select hasnt_table('pgmq', 'a_shop_queue_high', 'and its archives');
select has_table('pgmq', 'q_shop2_queue', 'the other''s is not');
select ok((select created from tasker.create_namespace('shop')), 'it can be made again');

select * from finish();
rollback;
