create or replace function tasker._path_roots (p_path text)
  returns text[]
  language sql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
-- What an SQL/JSON path reads of its document: every $ with the keys that follow it, as PostgreSQL
-- writes them ($."context"."total"). A variable is $"name". What stands in string literals is left
-- out.
--
-- Returns  each once; p_path must be in PostgreSQL's own spelling
with token as (
  select matched.part[1] as quoted, matched.part[2] as plain, matched.place,
         lag(matched.part[2]) over (order by matched.place) as before
    from regexp_matches(p_path, '("(?:[^"\\]|\\.)*")|([^"]+)', 'g')
           with ordinality as matched (part, place)
),
bare as (
  select string_agg(case when token.quoted is null then token.plain
                         when token.before ~ '[.$]$' then replace(token.quoted, '$', '\u0024')
                         else '""' end, '' order by token.place) as path
    from token
)
select coalesce(array_agg(distinct root.part[1]), '{}')
  from bare
 cross join regexp_matches(bare.path, '(\$(?:"(?:[^"\\]|\\.)*")?(?:\."(?:[^"\\]|\\.)*")*)', 'g')
              as root (part);
$$;

comment on function tasker._path_roots is 'What an SQL/JSON path reads of its document: every $ with the keys that follow it.';
