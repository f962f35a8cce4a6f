begin;
\ir ../fixtures.psql
select plan(10);
select is(pg_temp.refusal(format('select tasker._check_lease(%L)', lease)), refusal, why)
  from (values
    ('1 microsecond'::interval, null, 'the shortest'),
    ('1 day', null, 'the longest'),
    ('24:00:00', null, 'however it is written'),
    ('1 day 1 microsecond', '22023: got 1 day 00:00:00.000001', 'one more'),
    ('0', '22023: got 00:00:00', 'nothing'),
    (null, '22023: got null', 'null'),
    ('1 month -29 days', '22023: got 1 mon -29 days',
      'a day when compared, and less than nothing in February'),
    ('-1 year 361 days', '22023: got -1 years +361 days',
      'a day when compared, and over before it began')
  ) as given (lease, refusal, why);
select from tasker.set_limit('lease_seconds', 3600, 'why');
select is(pg_temp.refusal('select tasker._check_lease(''1 hour'')'), null,
  'the limit can be set to an hour');
select is(pg_temp.refusal('select tasker._check_lease(''1 hour 1 second'')'), '22023: got 01:00:01',
  'and then is');

select * from finish();
rollback;
