begin;
\ir ../fixtures.psql
select plan(4);

select is_empty('select name from tasker.list_limits() where (initial = value and value between '
  'minimum and maximum) is not true',
  'a new database has what is meant to be');
select is_empty($$ select name from tasker.list_limits()
  where (length(meaning) > 10 and length(unit) > 3) is not true $$, 'each says what it is about');
-- What is let in without a look must be let in under every setting.
select is_empty($$ select name from tasker.list_limits()
                    where minimum < case when unit = 'bytes' then 8192 when unit = 'levels' then 128
                    when name = 'lease_seconds' then 3600
                                         when unit = 'attempts' then 10
                                         when name in ('tags_per_task', 'template_namespaces')
                        then 20 else 100 end $$, 'none can be set too low');
select is_empty($$ select limits.name from tasker.list_limits() as limits
                    where not exists (select from pg_proc
                      where pronamespace = 'tasker'::regnamespace
                      and proname <> '_fixed_limits' and prokind = 'f'
                      and pg_get_functiondef(oid) like '%''' || limits.name || '''%') $$,
  'each is looked at by a function');

select * from finish();
rollback;
