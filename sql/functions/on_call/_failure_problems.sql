create or replace function tasker._failure_problems ()
  returns table (
    severity text, code text, subject text, since timestamptz, problem text, cure text,
    amount bigint
  )
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
-- What ended badly and waits for somebody: steps that failed for good, by template, the 20 in which
-- one failed last, and requests that were refused. Ten within five minutes, and more than in the
-- five before, are critical.
--
-- Returns  problems
-- Calls    dead_letters, _shell_word, _counted, _ago
#variable_conflict use_column
declare
  v_now constant timestamptz := tasker._now();
begin
  return query
  with recent as materialized (
    select template.namespace_id, template.name,
           count(*) filter (where dead.failed_at > v_now - interval '5 minutes') as now,
           count(*) filter (where dead.failed_at <= v_now - interval '5 minutes') as before
      from tasker.dead_steps as dead
      join tasker.task_templates as template on template.template_id = dead.template_id
     where dead.failed_at > v_now - interval '10 minutes'
     group by 1, 2
  ),
  failing as materialized (
    select letter.namespace, letter.task_name, sum(letter.count) as count, count(*) as ways,
           max(letter.last_at) as last_at,
           (array_agg(letter.name order by letter.last_at desc, letter.name))[1] as name,
           (array_agg(letter.fingerprint))[1] as fingerprint,
           (array_agg(letter.sample_error order by letter.last_at desc, letter.name))[1] as error,
           row_number() over (order by max(letter.last_at) desc) as place
      from tasker.dead_letters as letter
     group by letter.namespace, letter.task_name
  )
  select case when recent.now >= 10 and recent.now > recent.before
                then 'critical' else 'warning' end,
         'dead_letters', format('template %s/%s', failing.namespace, failing.task_name),
         failing.last_at,
         format('%s failed for good%s%s, last %s %s ago: %s', failing.count,
                case when failing.ways > 1 then format(' in %s ways', failing.ways) else '' end,
                case when recent.now >= 10 and recent.now > recent.before
                       then format(', %s in the last 5 min, rising', recent.now)
                     when recent.now > 0 then format(', %s in the last 5 min', recent.now)
                     else '' end,
                failing.name, tasker._ago(v_now - failing.last_at), failing.error),
         format('tasker-sql dlq retry --namespace %s --template %s%s --reason ''<why>''',
                tasker._shell_word(failing.namespace), tasker._shell_word(failing.task_name),
                case when failing.ways = 1
                       then format(' --step %s --fingerprint %s',
                                   tasker._shell_word(failing.name),
                                   tasker._shell_word(failing.fingerprint))
                     else '' end), failing.count::bigint
    from failing
    join tasker.namespaces as namespace on namespace.name = failing.namespace
    left join recent on recent.namespace_id = namespace.namespace_id
                    and recent.name = failing.task_name
   where failing.place <= 20
  union all
  select 'warning', 'dead_letters', 'other templates', max(failing.last_at),
         format('%s failed for good, of %s more templates', sum(failing.count), count(*)),
         'tasker-sql dlq list', sum(failing.count)::bigint
    from failing
   where failing.place > 20
  having count(*) > 0
  union all
  select 'warning', 'requests_refused', format('queue %s', refused.queue_name),
         max(refused.rejected_at),
         format('%s refused within a day: send them again. The last: %s',
                tasker._counted(count(*), 'message'),
                (array_agg(refused.error order by refused.rejection_id desc))[1]),
         'select * from tasker.rejected_requests order by rejection_id desc limit 20', count(*)
    from (select * from tasker.rejected_messages order by rejection_id desc limit 1000) as refused
   where refused.rejected_at > v_now - interval '1 day'
   group by refused.queue_name;
end;
$$;

comment on function tasker._failure_problems is 'problems: steps that failed for good, and requests that were refused.';
