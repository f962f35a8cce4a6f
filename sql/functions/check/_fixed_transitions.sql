create or replace function tasker._fixed_transitions ()
  returns table (
    transition tasker.transition,
    entity     text,
    from_state text,
    to_state   text,
    meaning    text
  )
  language sql
  stable
begin atomic
-- The state chart: the rows of legal_transitions.
select change.transition,
       split_part(change.transition::text, ' ', 1),
       case when change.transition::text like '%->%'
            then split_part(change.transition::text, ' ', 2) end,
       case when change.transition::text like '%->%'
            then split_part(change.transition::text, ' ', 4) else 'pending' end,
       change.meaning
  from (values
    ('task created'::tasker.transition, 'A client asked for it.'),
    ('task pending -> in_progress', 'Its first step was claimed, or done by hand.'),
    ('task pending -> cancelled', 'Somebody cancelled it before it began.'),
    ('task pending -> resolved_manually', 'An operator resolved it by hand.'),
    ('task in_progress -> complete', 'Its last step is done.'),
    ('task in_progress -> blocked_by_failures',
     'A step failed for good; other steps may still run.'),
    ('task in_progress -> cancelled', 'Somebody cancelled it.'),
    ('task in_progress -> resolved_manually', 'An operator resolved it by hand.'),
    ('task blocked_by_failures -> in_progress', 'An operator dealt with every failed step.'),
    ('task blocked_by_failures -> error', 'Nothing that could still run is left.'),
    ('task blocked_by_failures -> cancelled', 'Somebody cancelled it.'),
    ('task blocked_by_failures -> resolved_manually', 'An operator resolved it by hand.'),
    ('task error -> in_progress', 'An operator dealt with the failed steps; it goes on.'),
    ('task error -> resolved_manually', 'An operator resolved it by hand.'),
    ('step pending -> enqueued', 'Its last parent finished, or its time has come.'),
    ('step pending -> cancelled', 'Its task was cancelled or resolved.'),
    ('step pending -> complete', 'An operator gave its result.'),
    ('step pending -> resolved_manually', 'An operator resolved it.'),
    ('step enqueued -> in_progress', 'A worker claimed it; the attempt counts from here.'),
    ('step enqueued -> cancelled', 'Its task was cancelled or resolved.'),
    ('step enqueued -> complete', 'An operator gave its result.'),
    ('step enqueued -> resolved_manually', 'An operator resolved it.'),
    ('step in_progress -> enqueued',
     'Its worker gave it back, or lost its lease with attempts left; or an operator took it back.'),
    ('step in_progress -> waiting_for_retry',
     'An attempt failed; the next one waits for its backoff.'),
    ('step in_progress -> complete', 'Its worker finished it.'),
    ('step in_progress -> error', 'Its last attempt failed, or failed for good.'),
    ('step in_progress -> cancelled',
     'Its task was cancelled or resolved; its worker is fenced off.'),
    ('step in_progress -> resolved_manually', 'An operator resolved it; its worker is fenced off.'),
    ('step waiting_for_retry -> enqueued', 'Its backoff is over, or an operator hurried it.'),
    ('step waiting_for_retry -> cancelled', 'Its task was cancelled or resolved.'),
    ('step waiting_for_retry -> complete', 'An operator gave its result.'),
    ('step waiting_for_retry -> resolved_manually', 'An operator resolved it.'),
    ('step error -> enqueued', 'An operator retries it; its attempts start again.'),
    ('step error -> complete', 'An operator gave its result.'),
    ('step error -> resolved_manually', 'An operator resolved it.'),
    ('step pending -> skipped', 'Its parents, or its condition, mean that it is not to run.'),
    ('step pending -> upstream_failed', 'A step before it failed.'),
    ('step pending -> error',
     'Its condition was neither true nor false; or its task was cancelled, and cleans up.'),
    ('step enqueued -> error', 'Its task was cancelled, and cleans up.'),
    ('step in_progress -> skipped',
     'Its handler skipped it; or its last attempt failed, which does not matter.'),
    ('step waiting_for_retry -> error', 'Its task was cancelled, and cleans up.'),
    ('step error -> pending', 'An operator dealt with a failed step before it.'),
    ('step complete -> pending', 'An operator dealt with a failed step before it.'),
    ('step resolved_manually -> pending', 'An operator dealt with a failed step before it.'),
    ('step skipped -> pending', 'An operator dealt with it, or with a failed step before it.'),
    ('step upstream_failed -> pending', 'An operator dealt with it, or with the failed step.')
  ) as change (transition, meaning);
end;

comment on function tasker._fixed_transitions is 'The state chart: the rows of legal_transitions.';
