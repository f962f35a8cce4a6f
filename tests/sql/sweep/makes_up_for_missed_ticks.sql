begin;
\ir ../fixtures.psql
select plan(16);
-- Three days asleep, with a tick every eight hours: the last one is six hours ago.
create function pg_temp.asleep (p_more jsonb) returns text language sql as $$
select pg_temp.at('2030-01-01Z');
select pg_temp.a_schedule('0 */8 * * *', p_more);
select pg_temp.at('2030-01-04 06:00Z');
select pg_temp.fired();
select pg_temp.ticks()
$$;
create function pg_temp.drop () returns void language sql
as $$ select from tasker.drop_schedule('test', 'plan', 'x') $$;

select is(pg_temp.asleep('{"missed": "one"}'), '01T08:00 missed 8, 04T00:00 created',
  'S6: the last');
select pg_temp.drop();
select is(pg_temp.asleep('{"missed": "one", "catch_up": "PT5H"}'), '01T08:00 missed 9',
  'unless that is too late');
select pg_temp.drop();
select is(pg_temp.asleep('{"missed": "skip"}'), '01T08:00 missed 9', 'none');
select pg_temp.at('2030-01-04 08:01:30Z');
select is(pg_temp.fired(), 1, 'another one is late by more than a minute');
select is(pg_temp.ticks(), '01T08:00 missed 10', 'and is in their row');
select pg_temp.at('2030-01-04 16:01Z');
select is(pg_temp.fired(), 1, 'one within a minute');
select is(pg_temp.ticks(), '01T08:00 missed 10, 04T16:00 created', 'is made');
select pg_temp.drop();
select is(pg_temp.asleep('{"missed": "all", "context": {"n": 1}}'),
  '01T08:00 missed 6, 03T08:00 created, 03T16:00 created, 04T00:00 created', 'all of a day');
select pg_temp.drop();
select is(pg_temp.asleep('{"missed": "all", "catch_up": "P30D", "context": {"n": 1}}'),
  '01T08:00 created, 01T16:00 created, 02T00:00 created, 02T08:00 created, 02T16:00 created, '
  '03T00:00 created, 03T08:00 created, 03T16:00 created, 04T00:00 created', 'or all there are');
select pg_temp.drop();

select pg_temp.at('2030-01-01Z');
select pg_temp.a_schedule('0 * * * *', '{"missed": "all", "catch_up": "P30D"}');
select pg_temp.a_schedule('30 9 1 * *', p_name => 'other');
select pg_temp.at('2030-01-01 09:30Z');
select is(pg_temp.fired(3), 3, 'no more than the limit');
select is(pg_temp.ticks(), '01T01:00 created, 01T02:00 created', 'the oldest first');
select is(pg_temp.ticks('other'), '01T09:30 created', 'but each schedule in turn');
select pg_temp.drop();

select pg_temp.at('2030-01-01Z');
select pg_temp.a_schedule('* * * * *');
select from tasker.pause_schedule('test', 'plan', 'holidays');
select pg_temp.at('2030-01-20 00:00Z');
select is(pg_temp.fired(), 0, 'nothing while it is paused');
select from tasker.resume_schedule('test', 'plan', 'back');
select is(pg_temp.fired(), 1, 'then the policy applies to the pause');
select is(pg_temp.ticks(), '01T00:01 missed 10000, 20T00:00 created', '10000 are counted');
select is_empty('select * from tasker.check_invariants()', 'all is well');

select * from finish();
rollback;
