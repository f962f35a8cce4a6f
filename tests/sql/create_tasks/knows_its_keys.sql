begin;
\ir ../fixtures.psql
select plan(10);
select pg_temp.a_template('t', '{"a": []}');
create temp table made (task_uuid uuid, created boolean, position bigint);
create function pg_temp.made (p_contexts text, p_keys text) returns table (n text, created boolean)
 language sql as $$
delete from made;
insert into made select *
  from tasker.create_tasks('test', 't', p_contexts::jsonb[],
    jsonb_build_object('idempotency_keys', p_keys::jsonb)) with ordinality;
select task.context ->> 'n', made.created from made join tasker.tasks as task using (task_uuid)
order by made.position
$$;

select results_eq($$ select * from pg_temp.made('{"{\"n\": 1}","{\"n\": 2}"}', '["a", "b"]') $$,
  $$ values ('1', true), ('2', true) $$, 'new keys');
select results_eq($$ select *
  from pg_temp.made('{"{\"n\": 2}","{\"n\": 3}","{\"n\": 1}","{\"n\": 4}"}', '["b", "c", "a", "d"]')
  $$,
  $$ values ('2', false), ('3', true), ('1', false), ('4', true) $$,
  'known and new ones, in order');
select results_eq($$ select *
  from pg_temp.made('{"{\"n\": 5}","{\"n\": 6}","{\"n\": 5}"}', '["e", "f", "e"]') $$,
  $$ values ('5', true), ('6', true), ('5', false) $$,
  'a key twice in a batch is one task, made by the first');
select is((select count(*) from tasker.tasks), 6::bigint, 'six keys, six tasks');
select is((select count(*) from pg_temp.queued('test_queue')), 6::bigint, 'six messages');

select throws_ok($$ select * from pg_temp.made('{"{\"n\": 7}","{\"n\": 9}"}', '["g", "a"]') $$,
  'TK008', null, 'a known key with another context');
select throws_ok($$ select * from pg_temp.made('{"{\"n\": 7}","{\"n\": 8}"}', '["g", "g"]') $$,
  'TK008', null, 'one key for two contexts');
select is(pg_temp.refusal($$ select *
  from tasker.create_tasks('test', 't', '{"{}"}', '{"idempotency_key": "h"}') $$),
  '22023: create_tasks takes idempotency_keys, an array with a key for each context',
  'one key for all');
select alike(pg_temp.refusal(format('select * from pg_temp.made(''{"{}","{}"}'', %L)', wrong)),
  '22023: need 2,%', wrong)
  from unnest(array['["h"]']) as wrong;
select is((select count(*) from tasker.tasks), 6::bigint, 'then no task of the batch is made');

select * from finish();
rollback;
