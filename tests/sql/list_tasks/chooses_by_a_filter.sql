begin;
\ir ../fixtures.psql
select plan(35);

select pg_temp.a_template('one', '{"a": []}');
select pg_temp.a_template('one', '{"a": [], "b": ["a"]}', p_more => '{"version": "1.1.0"}');
select pg_temp.a_template('two', '{"a": []}', p_namespace => 'other');
create temp table made (name text, task_uuid uuid);
insert into made select 'old',
  pg_temp.a_task('one',
    p_options => '{"version": "1.0.0", "tags": ["red"], "idempotency_key": "k"}');
select pg_temp.run_all();
select pg_temp.later('1 hour');
insert into made select 'new',
  pg_temp.a_task('one', p_options => '{"tags": ["red", "blue"], "initiator": "me"}');
insert into made select 'other',
  pg_temp.a_task('two', p_options => '{"initiator": "me", "idempotency_key": "k"}',
    p_namespace => 'other');
select from made cross join lateral tasker.cancel_task(task_uuid, 'enough')
 where made.name = 'other';

select set_eq(format('select made.name from tasker.list_tasks(%L) join made using (task_uuid)',
  filter), answer, filter)
  from (values
    ('{}', '{old,new,other}'::text[]),
    ('{"namespace": "test"}', '{old,new}'),
    ('{"name": "one"}', '{old,new}'),
    ('{"version": "1.0.0"}', '{old,other}'),
    ('{"name": "one", "version": "1.1.0"}', '{new}'),
    ('{"state": "complete"}', '{old}'),
    ('{"state": "pending"}', '{new}'),
    ('{"state": "cancelled"}', '{other}'),
    ('{"tag": "red"}', '{old,new}'),
    ('{"tag": "blue"}', '{new}'),
    ('{"initiator": "me"}', '{new,other}'),
    ('{"initiator": "me", "namespace": "other"}', '{other}'),
    ('{"since": "2030-01-01T01:00:00Z"}', '{new,other}'),
    ('{"until": "2030-01-01T01:00:00Z"}', '{old}'),
    ('{"since": "2030-01-01T00:00Z", "until": "2030-01-01T00:00:00.001Z"}', '{old}'),
    ('{"until": "2030-01-01T00:00:00.0005Z"}', '{old}'),
    ('{"idempotency_key": "k"}', '{old,other}'),
    ('{"idempotency_key": "k", "namespace": "other"}', '{other}')
  ) as test (filter, answer);
select is_empty(format('select made.name from tasker.list_tasks(%L) join made using (task_uuid)',
  filter), filter)
  from unnest(array['{"name": "none"}', '{"since": "2030-01-01T02:00:01+01:00"}',
    '{"state": "pending", "since": "2030-01-01T01:00:01Z"}', '{"idempotency_key": "none"}'])
    as filter;
select is((select count(*) from tasker.list_tasks(null)), 3::bigint, 'no filter');
select results_eq($$ select made.name from tasker.list_tasks('{"idempotency_key": "k"}', 1) as first
                       cross join tasker.list_tasks('{"idempotency_key": "k"}', 1,
                        first.next_before) as second
                       join made on made.task_uuid = second.task_uuid $$, array['old'],
                       'one of a key on each page');

select is(pg_temp.refusal(format('select * from tasker.list_tasks(%L)', filter)), refusal, filter)
  from (values
    ('{"color": "red"}',
      '22023: ''color''; known are namespace, name, version, state, tag, initiator, since, until, '
      'idempotency_key'),
    ('[]', '22023: got array'),
    ('{"namespace": "nowhere"}', 'TK002: namespace ''nowhere'''),
    ('{"since": "2030-13-01T00:00Z"}',
      '22023: since is ''2030-13-01T00:00Z'': date/time field value out of range: '
      '"2030-13-01T00:00Z"'),
    ('{"since": "2030-01-01T00:00+99:00"}',
      '22023: since is ''2030-01-01T00:00+99:00'': time zone displacement out of range: '
      '"2030-01-01T00:00+99:00"')
  ) as wrong (filter, refusal);
select alike(pg_temp.refusal(format('select * from tasker.list_tasks(%L)', filter)), '22023: %',
  filter)
  from unnest(array['{"state": "blue"}', '{"tag": 1}', '{"until": "yesterday"}', '{"name": null}'])
   as filter;
select throws_ok('select * from tasker.list_tasks(p_limit => 1001)', '22023');
select throws_ok('select * from tasker.list_tasks(p_limit => 0)', '22023');

select * from finish();
rollback;
