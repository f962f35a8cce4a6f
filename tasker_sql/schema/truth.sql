--- missing
select format('the %%s %%s', part.kind, part.name)
  from unnest(%(kinds)s::text[], %(names)s::text[]) as part (kind, name)
 where case part.kind
         when 'type' then to_regtype('tasker.' || part.name) is null
         when 'constraint' then not exists (
           select from pg_catalog.pg_constraint
            where connamespace = to_regnamespace('tasker') and conname = part.name)
         when 'primary key of' then not exists (
           select from pg_catalog.pg_index
            where indrelid = to_regclass('tasker.' || part.name) and indisprimary)
         else to_regclass('tasker.' || part.name) is null
       end
--- objects
-- What the catalog knows of the functions and views with these names. The xmin of an object that
-- has been replaced is another one.
select case prokind when 'p' then 'procedure' else 'function' end, oid::regprocedure::text,
       oid::bigint, xmin::text
  from pg_catalog.pg_proc
 where pronamespace = 'tasker'::regnamespace and proname = any (%(names)s)
 union all
select 'view', oid::regclass::text, oid::bigint, xmin::text
  from pg_catalog.pg_class
 where relnamespace = 'tasker'::regnamespace and relkind = 'v' and relname = any (%(names)s)
--- remember
-- A database that gets texts which it had before went back: what came after them is forgotten.
with again as (
  delete from tasker.installations
   where number >= (select min(number)
                      from tasker.installations
                     where definitions = %(definitions)s)
)
insert into tasker.installations (definitions) values (%(definitions)s)
--- renew_pairs
-- The functions of each queue are made by one of ours: when that has changed, they are made again.
select tasker._create_pair(queue.name)
  from tasker.namespaces as namespace
 cross join unnest(tasker._queues_of(namespace.name)) as queue (name)
