begin;
\ir ../fixtures.psql
select plan(9);

select results_eq($$ select name, queue_name, created from tasker.create_namespace('shop') $$,
  $$ values ('shop', 'shop_queue', true) $$, 'it answers its queue');
select has_table('pgmq', 'q_shop_queue' || suffix, format('shop_queue%s is there', suffix))
 from unnest(array['', '_high', '_low']) as suffix;
select set_eq('select queue_name from pgmq.list_queues()',
  array['shop_queue', 'shop_queue_high', 'shop_queue_low', 'orchestration_step_results',
    'orchestration_task_requests'], 'and PGMQ knows them');
select hasnt_index('pgmq', 'q_shop_queue', 'q_shop_queue_vt_idx',
  'without an index that nothing reads');

select results_eq($$ select name, queue_name, created from tasker.create_namespace('shop') $$,
  $$ values ('shop', 'shop_queue', false) $$, 'a repeated call makes nothing');

-- A queue that somebody dropped is made again; the others keep their messages.
select from pgmq.send('shop_queue_low', '{"step_id": 1}');
select from pgmq.drop_queue('shop_queue');
select from tasker.create_namespace('shop');
select has_table('pgmq', 'q_shop_queue', 'but a missing queue');
select isnt_empty('select from pgmq.q_shop_queue_low', 'and leaves the others as they are');

select * from finish();
rollback;
