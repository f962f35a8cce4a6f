create or replace view tasker._changes as
select transition.transition_id,
       transition.at,
       transition.actor,
       transition.session_role,
       transition.application,
       transition.reason,
       change.id,
       run.change,
       run.upto - run.count + change.position as position
  from tasker.transitions as transition
 cross join lateral (
       select run.change,
              (sum(coalesce(run.count, 1)) over (order by run.position))::integer as upto,
              coalesce(run.count, 1) as count
         from unnest(transition.changes, transition.counts)
              with ordinality as run (change, count, position)
       ) as run
 cross join lateral unnest(transition.ids[run.upto - run.count + 1 : run.upto])
       with ordinality as change (id, position);

comment on view tasker._changes is 'History with one row per change: id is a step_id (of the task itself when its step_no is 0).';
comment on column tasker._changes.transition_id is 'Order of the calls; within one step or task, the order of its changes.';
comment on column tasker._changes.at is 'When.';
comment on column tasker._changes.actor is 'Who: the worker, operator, initiator or sweep.';
comment on column tasker._changes.session_role is 'The database role that connected.';
comment on column tasker._changes.application is 'Its application_name.';
comment on column tasker._changes.reason is 'Why, where one was given.';
comment on column tasker._changes.id is 'task_id << 20 | step_no.';
comment on column tasker._changes.change is 'What, a key of legal_transitions.';
comment on column tasker._changes.position is 'Its place in the call: what one call did to one step or task, it did in this order.';
