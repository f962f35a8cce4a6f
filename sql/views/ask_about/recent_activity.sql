create or replace view tasker.recent_activity as
with call as materialized (
  select transition.at, transition.changes, transition.counts
    from tasker.transitions as transition
   where transition.at > (select tasker._now() - interval '10 minutes')
   order by transition.at desc
   limit 5000
),
span as materialized (
  select clock.now,
         case count(call.at) when 5000 then min(call.at)
           else clock.now - interval '10 minutes' end as begun
    from (select tasker._now() as now) as clock
    left join call on true
   group by clock.now
),
change as (
  select least(width_bucket(extract(epoch from call.at - span.begun),
                            0, greatest(extract(epoch from span.now - span.begun), 0.001), 10),
               10) as part,
         run.change::text as change,
         sum(coalesce(run.count, 1))::bigint as count
    from span
   cross join call
   cross join lateral unnest(call.changes, call.counts) as run (change, count)
   group by 1, 2
)
select span.begun + (span.now - span.begun) / 10 * (slice.part - 1) as since,
       span.begun + (span.now - span.begun) / 10 * slice.part as until,
       slice.started as attempts_started,
       slice.completed as steps_completed,
       slice.failed as attempts_failed,
       slice.created as tasks_created,
       slice.ended as tasks_completed
  from span
 cross join lateral (
       select part.part,
              coalesce(sum(change.count) filter (
                where change.change = 'step enqueued -> in_progress'), 0)::bigint as started,
              coalesce(sum(change.count) filter (
                where change.change like 'step % -> complete'), 0)::bigint as completed,
              coalesce(sum(change.count) filter (
                where change.change in ('step in_progress -> error',
                                        'step in_progress -> waiting_for_retry')), 0)::bigint
                as failed,
              coalesce(sum(change.count) filter (
                where change.change = 'task created'), 0)::bigint as created,
              coalesce(sum(change.count) filter (
                where change.change = 'task in_progress -> complete'), 0)::bigint as ended
         from generate_series(1, 10) as part (part)
         left join change on change.part = part.part
        group by part.part
       ) as slice;

comment on view tasker.recent_activity is
'What happened in the last ten minutes, in ten parts of equal length; order by since. Where more than 5000 calls changed something, the parts cover the time of the last 5000, so that this costs the same at any load.';
comment on column tasker.recent_activity.since is 'When the part begins.';
comment on column tasker.recent_activity.until is 'When it ends; that of the last one is now.';
comment on column tasker.recent_activity.attempts_started is 'Attempts that began in it.';
comment on column tasker.recent_activity.steps_completed is 'Steps that completed.';
comment on column tasker.recent_activity.attempts_failed is 'Attempts that failed.';
comment on column tasker.recent_activity.tasks_created is 'Tasks that were created.';
comment on column tasker.recent_activity.tasks_completed is 'Tasks that completed.';
