begin;
\ir ../fixtures.psql
select plan(15);
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
    ('{"type": "E", "code": 5, "message": "no", "more": [1]}'::jsonb, '{"type": "E", "code": 5, "message": "no", "more": [1]}'::jsonb),
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

select is(pg_temp.stored(jsonb_build_object('message', repeat('m', 10000000), 'type', repeat('t', 500), 'code', null, 'trace', 'x')),
  jsonb_build_object('message', repeat('m', 8000), 'type', repeat('t', 200), 'truncated', true), '10 MB are cut');
select is(pg_temp.stored(to_jsonb(repeat('m', 100000))), jsonb_build_object('message', repeat('m', 8000), 'truncated', true), 'so is a long text');
select is(pg_temp.stored(jsonb_build_object('message', 'm', 'trace', repeat('x', 65000))) ->> 'truncated', null, 'up to 64 KiB nothing is cut');
select is(pg_temp.stored(jsonb_build_object('message', 'm', 'trace', repeat('x', 65600))), '{"message": "m", "truncated": true}', 'beyond, the message is kept');

select * from finish();
rollback;
