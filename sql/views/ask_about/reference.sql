create or replace view tasker.reference as
with object as (
  select function.proname as name,
         case function.prokind when 'p' then 'procedure' else 'function' end as kind,
         pg_get_function_arguments(function.oid) as arguments,
         coalesce(pg_get_function_result(function.oid), '') as returns,
         obj_description(function.oid, 'pg_proc') as meaning
    from pg_proc as function
   where function.pronamespace = 'tasker'::regnamespace
  union all
  select view.relname, 'view', '',
         (select 'TABLE('
                 || string_agg(format('%s %s', col.attname, format_type(col.atttypid, null)),
                               ', ' order by col.attnum)
                 || ')'
            from pg_attribute as col
           where col.attrelid = view.oid and col.attnum > 0 and not col.attisdropped),
         obj_description(view.oid, 'pg_class')
    from pg_class as view
   where view.relnamespace = 'tasker'::regnamespace and view.relkind = 'v'
)
select section.section,
       object.name::text as name,
       regexp_replace(object.arguments, ' timestamp with time zone', ' timestamptz', 'g')
         as arguments,
       regexp_replace(object.returns, ' timestamp with time zone', ' timestamptz', 'g') as returns,
       object.meaning,
       array(select code.code from tasker.error_codes as code
              where strpos(substring(object.meaning from '[Rr]aises .*'), code.code) > 0
              order by code.code) as codes,
       object.kind
  from object
  left join tasker._sections as section on object.name = any (section.names)
 where object.name !~ '^_'
 order by section.place, object.kind, object.name;

comment on view tasker.reference is
'What may be called and looked at, in the order in which a task meets it: the public functions, procedures and views, with what their comments say.';
comment on column tasker.reference.section is 'What it is for: a folder of sql/.';
comment on column tasker.reference.name is 'Its name in the schema tasker.';
comment on column tasker.reference.arguments is 'The arguments with their types and defaults; null means the default, too. Name them: p_limit => 10.';
comment on column tasker.reference.returns is 'The columns. Name these too, for others may be added at the end.';
comment on column tasker.reference.meaning is 'What it does, returns and raises.';
comment on column tasker.reference.codes is 'The codes that it raises, as in error_codes.';
comment on column tasker.reference.kind is 'function, procedure or view.';
