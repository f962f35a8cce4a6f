create or replace view tasker._sections as
select row_number() over () as place,
       section.section,
       regexp_split_to_array(section.names, '\s+') as names
  from (values
    ('define',
     'register_template drop_namespace create_namespace'),
    ('ask',
     'process_task_requests rejected_requests create_task create_tasks'),
    ('work',
     'work claim_steps finish_and_claim complete_step skip_step sleep_step checkpoint_step
      fail_step report_steps heartbeat release_claim report_late_writes await_work result result_or
      rows'),
    ('second_hop',
     'process_step_results submit_step_results'),
    ('wait',
     'send_signal answer_wait open_waits list_signals'),
    ('sweep',
     'sweep enqueue_steps finalize_tasks'),
    ('on_call',
     'acknowledge_problem problems stuck_tasks dead_letters task_timings critical_path plan_repair
      apply_repair'),
    ('schedule',
     'put_schedule pause_schedule resume_schedule trigger_schedule drop_schedule list_schedules
      list_ticks next_ticks plan_backfill explain_schedule'),
    ('operate',
     'cancel_task resolve_task set_deadline retry_step requeue_step complete_step_manually
      resolve_step pause_namespace resume_namespace pause_template resume_template pause_task
      resume_task set_limit operator_history'),
    ('finalize',
     'claim_task_for_finalization extend_finalization_claim release_finalization_claim
      finalize_task finalizable_tasks live_finalization_claims past_finalization_attempts'),
    ('take',
     'ready_steps'),
    ('fail',
     'failed_steps waiting_retries late_writes'),
    ('ask_about',
     'get_task list_tasks get_task_steps task_results wait_task contract reference error_codes
      list_namespaces list_templates get_template list_limits explain_step explain_task
      step_attempts list_queued_steps get_step_readiness_status get_task_execution_context
      get_task_execution_contexts calculate_dependency_levels get_step_transitive_dependencies
      count_events get_system_health_counts get_analytics_metrics get_slowest_steps
      get_slowest_tasks task_progress recent_activity recent_transitions step_transitions
      task_transitions'),
    ('run',
     'report_runner force_breaker release_breaker served_namespaces known_workers
      known_runners executor_pools circuit_breakers live_claims'),
    ('check',
     'check_invariants'),
    ('queue',
     'queue_depths')
  ) as section (section, names);

comment on view tasker._sections is 'The folders of sql/ in their order, with what is public in each, for the view reference.';
comment on column tasker._sections.place is 'Its place in that order.';
comment on column tasker._sections.section is 'The folder.';
comment on column tasker._sections.names is 'The public functions, procedures and views in it.';
