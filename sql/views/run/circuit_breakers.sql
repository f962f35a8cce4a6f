create or replace view tasker.circuit_breakers as
select runner.name as runner,
       reported.breaker,
       reported.state,
       reported.forced,
       wish.forced as wanted,
       reported.failed_in_a_row,
       reported.failed_calls,
       reported.opened,
       runner.seen_at - make_interval(secs => reported.changed_ago) as changed_at,
       reported.last_error,
       runner.seen_at,
       coalesce(wish.forced, reported.forced, reported.state) as effective_state,
       case when wish.forced is not null then 'an operator forced it: ' || wish.reason
            when reported.forced is not null then 'an operator forced it'
            when reported.state <> 'closed'
              then format('%s failures in a row: %s', reported.failed_in_a_row, reported.last_error)
            end as reason,
       reported.recoveries,
       reported.recovery_seconds
  from tasker.runners as runner
 cross join lateral tasker._reported_breakers(runner.breakers) as reported
  left join lateral (
       select wish.forced, wish.reason
         from tasker.forced_breakers as wish
        where wish.breaker = reported.breaker
          and (wish.runner = runner.name or wish.runner is null)
        order by wish.runner nulls last
        limit 1) as wish on true
 where runner.gone_at > tasker._now()
   and runner.state <> 'stopped';

comment on view tasker.circuit_breakers is
'The circuit breakers of live runners, as of their last heartbeats. One that has lost this database cannot say so here: its silence does, see known_runners.';
comment on column tasker.circuit_breakers.runner is 'Runner that owns the breaker.';
comment on column tasker.circuit_breakers.breaker is 'queue: around claims, reports and messages; database: around all other calls.';
comment on column tasker.circuit_breakers.state is 'closed: calls pass; open: none does; half-open: one at a time is tried.';
comment on column tasker.circuit_breakers.forced is 'The position that an operator has forced, once the runner obeys.';
comment on column tasker.circuit_breakers.wanted is 'The position that operators want; see force_breaker.';
comment on column tasker.circuit_breakers.failed_in_a_row is 'Failures since the last success.';
comment on column tasker.circuit_breakers.failed_calls is 'Failures since the runner began.';
comment on column tasker.circuit_breakers.opened is 'How often it opened since the runner began.';
comment on column tasker.circuit_breakers.changed_at is 'When its state last changed.';
comment on column tasker.circuit_breakers.last_error is 'The last failure in words; empty for none.';
comment on column tasker.circuit_breakers.seen_at is 'The heartbeat that all this is from.';
comment on column tasker.circuit_breakers.effective_state is 'What it does now: as an operator wants it, else as forced, else its state.';
comment on column tasker.circuit_breakers.reason is 'Why it does that; null for one that is closed by itself.';
comment on column tasker.circuit_breakers.recoveries is 'How often the database answered again after failures, since the runner began.';
comment on column tasker.circuit_breakers.recovery_seconds is 'How long that took from the first failure on, in sum.';
