-- The style of the house, enforced. Every rule reads the catalog, so no object can be forgotten.
begin;
select plan(16);

create temp view fn as
select p.oid::regprocedure::text as fn,
       p.*,
       l.lanname as language,
       coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body,
       obj_description(p.oid, 'pg_proc') as comment
  from pg_proc as p
  join pg_language as l on l.oid = p.prolang
 where p.pronamespace = 'tasker'::regnamespace;

-- What a function takes, not what it returns.
create temp view argument as
select fn.fn,
       fn.proargnames[a.position] as name,
       coalesce(fn.proallargtypes[a.position], fn.proargtypes[a.position - 1])::regtype as type
  from fn
 cross join generate_series(1, greatest(cardinality(fn.proallargtypes), fn.pronargs))
  as a (position)
 where coalesce(fn.proargmodes[a.position], 'i') in ('i', 'b', 'v');

create temp view relation as
select c.oid, c.relname, c.relkind, obj_description(c.oid, 'pg_class') as comment
  from pg_class as c
 where c.relnamespace = 'tasker'::regnamespace
   and c.relname <> 'alembic_version';

create temp view col as
select r.relname, r.relkind, a.attname, a.atttypid, col_description(r.oid, a.attnum) as comment
  from relation as r
  join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped;

-- Said in the database, so that \df+ and \d+ are the documentation.
select is_empty($$ select fn from fn where comment is null $$, 'every function has a comment');
select is_empty($$ select relname from relation where relkind in ('r', 'p', 'v', 'm')
  and comment is null $$,
  'every table and view has a comment');
select is_empty($$ select relname, attname from col where relkind in ('v', 'm')
  and comment is null $$,
  'every column of a view has a comment');
select is_empty($$ select fn from fn where prosqlbody is null and prosrc !~ '^\s*-- \S' $$,
  'every body begins with its header, which \sf shows');

-- A contract is a name, its arguments and its columns.
select is_empty($$ select proname from fn group by proname having count(*) > 1 $$,
  'one name has one signature');
select is_empty($$ select fn from fn where proname !~ '^_'
  and proname not in ('contract', 'result', 'result_or')
  and prokind = 'f' and not proretset $$, 'public functions return rows');
select is_empty($$ select fn from fn where proname !~ '^_' and pronargs > 6
                      and proname not in ('claim_steps', 'finish_and_claim') $$,
  'public functions take at most six arguments, then an object of options, but for the worker''s '
  'two');
select is_empty($$ select fn, name from argument where name is null or name !~ '^p_[a-z]' $$,
  'arguments begin with p_');
select is_empty($$ select fn from fn where proisstrict $$,
  'no strict: a null argument must not look like an empty queue');

-- What keeps a function safe from its caller's session.
select is_empty($$ select fn from fn where language not in ('sql', 'plpgsql') $$,
  'only sql and plpgsql');
select is_empty($$ select fn from fn
                    where prosqlbody is null and prokind = 'f'
                      and coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'],
                        false) is not true $$,
  'search_path is pinned to pg_catalog, pg_temp, or the body is parsed already: begin atomic');
select is_empty($$ select fn from fn where language = 'plpgsql' and 't' = any (proargmodes)
                      and prosrc !~ '#variable_conflict use_column' $$,
  'returns table goes with #variable_conflict use_column');
select is_empty($$ select fn from fn where prosrc ~* '\mraise\s+(debug|log|info|notice)\M' $$,
  'no chatter');

-- Time.
select is_empty($$ select relname, attname from col
                    where atttypid in ('timestamp'::regtype, 'timetz'::regtype, 'time'::regtype)
                    union all
                   select fn, name from argument
                    where type in ('timestamp'::regtype, 'timetz'::regtype, 'time'::regtype) $$,
  'every time is a timestamptz');
select is_empty($$ select fn from fn where proname not in ('_now', '_create_queue')
                      -- which names PGMQ's defaults
                      and body ~* '\m((clock|statement|transaction)_timestamp|current_timestamp|'
                        'localtimestamp|(?<!_)now\s*\()' $$,
  'only _now reads the clock');

-- Size.
select is_empty($$ select fn, cardinality(string_to_array(btrim(body, E' \n'), E'\n')) as lines
  from fn
                    where cardinality(string_to_array(btrim(body, E' \n'), E'\n')) > 80 $$,
  'no body is longer than 80 lines');

select * from finish();
rollback;
