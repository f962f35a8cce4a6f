begin;
\ir ../fixtures.psql
select plan(40);
select pg_temp.a_template('single', '{"only": []}', p_more => '{"input_schema": {"type": "object",
  "properties": {"n": {"type": "integer"}, "schedule": {"type": "object"}},
  "additionalProperties": false}}');
create function pg_temp.put (p_name text, p_more jsonb) returns void language sql as $$
select from tasker.put_schedule('test', p_name,
  jsonb_strip_nulls('{"template": "single", "cron": "0 3 * * *"}' || p_more))
$$;
select lives_ok($$ select pg_temp.put('plan', '{"context": {"n": 1}}') $$, 'a good one');

create temp table bad (more jsonb, why text);
insert into bad values
  ('{"crn": "* * * * *"}', '''crn''; known are%'), ('{"template": 7}', 'template is 7%'),
  ('{"cron": null}', 'need one of cron, every and at'),
  ('{"every": "PT1H"}', 'need one of cron, every and at'),
  ('{"cron": []}', 'cron is [], need a cron line%'), ('{"cron": [1]}', 'cron is [1]%'),
  ('{"cron": {}}', 'cron is {}%'), ('{"cron": ["@daily", "0 0 30 2 *"]}', '''0 0 30 2 *'' has no%'),
  ('{"cron": "x"}', '''x'' has 1%'), ('{"time_zone": "EST"}', 'got ''EST''%'),
  ('{"time_zone": 1}', 'got 1%'), ('{"missed": "some"}', 'missed is "some", need one of one, all%'),
  ('{"overlap": true}', 'overlap is true%'), ('{"catch_up": "-PT1S"}', 'catch_up is "-PT1S"%'),
  ('{"catch_up": "P3661D"}', '%up to 3660 days%'), ('{"jitter": 5}', 'jitter is 5%'),
  ('{"cron": null, "every": "PT0.5S"}', 'every is "PT0.5S"%'),
  ('{"cron": null, "every": "PT1.5S"}', '%need whole seconds'),
  ('{"cron": null, "every": "P1D", "at": []}', 'need one of%'),
  ('{"cron": null, "at": []}', 'at is []%'), ('{"cron": null, "at": ["noon"]}', 'at is "noon"%'),
  ('{"cron": null, "at": ["2030-01-01T00:00:00.5Z"]}', '%has a fraction of a second%'),
  ('{"cron": null, "at": "2030-01-01T00:00:00Z"}', 'at is "2030%'),
  ('{"starts_at": "2030-02-30T00:00:00Z"}', 'starts_at is%no such day%'),
  ('{"starts_at": "2030-01-01"}', 'starts_at is%'),
  ('{"starts_at": "2031-01-01T00:00:00.1Z"}', 'starts_at has a fraction%'),
  ('{"starts_at": "2031-01-01T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}',
   'it ends before it starts'),
  ('{"context": []}', 'context must be an object%'),
  ('{"context": {"schedule": 1}}', 'context must be an object without the key schedule%'),
  ('{"context": {"n": "x"}}', 'context.n is "x"%'), ('{"options": 3}', '%'),
  ('{"options": {"idempotency_key": "k"}}', 'options must have no idempotency_key%'),
  ('{"options": {"version": "1.0.0"}}', 'options must have%'),
  ('{"options": {"priority": "huge"}}', 'priority is "huge"%'),
  ('{"version": "1"}', 'version is "1"%'), ('{"description": 1}', 'description is 1%');
select alike(pg_temp.refusal(format('select pg_temp.put(''other'', %L)', more)), '22023: ' || why,
             more::text)
  from bad;
select throws_ok(format('select pg_temp.put(%L, ''{}'')', name), '22023',
  'bad name of a schedule', coalesce(name, 'no name')) from unnest('{NULL,1a}'::text[]) as name;
select is(array(select pg_temp.refusal(format('select from tasker.put_schedule(%L, ''p'', %L)',
                                              namespace, definition))
            from (values ('test', '{"template": "none", "cron": "@daily"}'::jsonb),
                         ('nowhere', '{"template": "single", "cron": "@daily"}'),
                         (null, '{}'), ('test', null)) as bad (namespace, definition)),
  array['TK002: test/none', 'TK002: namespace ''nowhere''', '22023: p_namespace is null',
        '22023: got nothing'], 'nor what is not there');

select * from finish();
rollback;
