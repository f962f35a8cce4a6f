begin;
\ir ../fixtures.psql
select plan(17);
select pg_temp.a_template('t', '{"a": []}');
-- What is stored of an error.
create function pg_temp.stored (p_error jsonb) returns jsonb language plpgsql as $$
declare
  v_step record;
begin
  perform pg_temp.a_task('t');
  select step_uuid, token into v_step from tasker.claim_steps('test', 'w1', 1);
  perform tasker.fail_step(v_step.step_uuid, v_step.token, p_error);
  return (select error from tasker.step_failures where token = v_step.token);
end $$;

select is(pg_temp.stored(given.error), given.stored, left(coalesce(given.error::text, 'null'), 40))
  from (values
    ('{"type": "E", "code": 5, "message": "no", "more": [1]}'::jsonb,
      '{"type": "E", "code": 5, "message": "no", "more": [1]}'::jsonb),
    ('{"type": "E"}', '{"type": "E", "message": "no message was given"}'),
    ('{"message": null}', '{"message": "no message was given"}'),
    ('{"message": {"a": 1}}', '{"message": "{\"a\": 1}"}'),
    ('{}', '{"message": "no message was given"}'),
    ('"boom"', '{"message": "boom"}'),
    ('5', '{"message": "5"}'),
    ('[1, 2]', '{"message": "[1, 2]"}'),
    ('true', '{"message": "true"}'),
    ('null', '{"message": "no error was given"}'),
    (null, '{"message": "no error was given"}')
  ) as given (error, stored);

select is(pg_temp.stored(jsonb_build_object('message', repeat('m', 10000000), 'type',
  repeat('t', 500), 'code', repeat('c', 500), 'trace', 'x')),
  jsonb_build_object('message', repeat('m', 8000), 'type', repeat('t', 200), 'code',
    repeat('c', 200), 'truncated', true), '10 MB are cut');
select is(pg_temp.stored(to_jsonb(repeat('m', 100000))),
  jsonb_build_object('message', repeat('m', 8000), 'truncated', true), 'so is a long text');
select is(pg_temp.stored(jsonb_build_object('message', 'm', 'trace', repeat('x', 65000))) ->>
  'truncated', null, 'up to 64 KiB nothing is cut');
select is(pg_temp.stored(jsonb_build_object('message', 'm', 'trace', repeat('x', 65600))),
  '{"message": "m", "truncated": true}', 'beyond, the message is kept');

-- As deep as it may be, and one level more.
create function pg_temp.deep (p_levels integer) returns jsonb language sql as $$
select jsonb_build_object('message', 'm', 'trace',
  (repeat('[', p_levels - 1) || repeat(']', p_levels - 1))::jsonb)
$$;
select is(pg_temp.stored(pg_temp.deep(128)), pg_temp.deep(128), '128 levels are kept');
select is(pg_temp.stored(pg_temp.deep(129)), '{"message": "m", "truncated": true}',
  'what is deeper is cut');

select * from finish();
rollback;
