-- The tables of tasker. They are private: only the functions and views of this schema touch them.
--
-- A step is addressed by one number, step_id = task_id << 20 | step_no, and step_no 0 is the task
-- itself. Hot rows carry no foreign keys (one RI query a row) and `steps` carries no index but its
-- key, so that every update of it is heap-only. docs/decisions/ says what was measured.

create type tasker.task_state as enum (
  'pending', 'in_progress', 'blocked_by_failures',
  'complete', 'error', 'cancelled', 'resolved_manually'
);

create type tasker.step_state as enum (
  'pending', 'enqueued', 'in_progress', 'waiting_for_retry', 'waiting',
  'complete', 'error', 'cancelled', 'resolved_manually', 'skipped', 'upstream_failed'
);

create type tasker.transition as enum (
  'task created',
  'task pending -> in_progress',
  'task pending -> cancelled',
  'task pending -> resolved_manually',
  'task in_progress -> complete',
  'task in_progress -> blocked_by_failures',
  'task in_progress -> cancelled',
  'task in_progress -> resolved_manually',
  'task blocked_by_failures -> in_progress',
  'task blocked_by_failures -> error',
  'task blocked_by_failures -> cancelled',
  'task blocked_by_failures -> resolved_manually',
  'task error -> in_progress',
  'task error -> resolved_manually',
  'step pending -> enqueued',
  'step pending -> cancelled',
  'step pending -> complete',
  'step pending -> resolved_manually',
  'step enqueued -> in_progress',
  'step enqueued -> cancelled',
  'step enqueued -> complete',
  'step enqueued -> resolved_manually',
  'step in_progress -> enqueued',
  'step in_progress -> waiting_for_retry',
  'step in_progress -> complete',
  'step in_progress -> error',
  'step in_progress -> cancelled',
  'step in_progress -> resolved_manually',
  'step waiting_for_retry -> enqueued',
  'step waiting_for_retry -> cancelled',
  'step waiting_for_retry -> complete',
  'step waiting_for_retry -> resolved_manually',
  'step error -> enqueued',
  'step error -> complete',
  'step error -> resolved_manually',
  'step pending -> skipped',
  'step pending -> upstream_failed',
  'step pending -> error',
  'step enqueued -> error',
  'step in_progress -> skipped',
  'step waiting_for_retry -> error',
  'step error -> pending',
  'step complete -> pending',
  'step resolved_manually -> pending',
  'step skipped -> pending',
  'step upstream_failed -> pending',
  'step pending -> waiting',
  'step in_progress -> waiting',
  'step waiting -> enqueued',
  'step waiting -> complete',
  'step waiting -> skipped',
  'step waiting -> error',
  'step waiting -> cancelled',
  'step waiting -> resolved_manually',
  'step enqueued -> skipped',
  'step waiting_for_retry -> skipped'
);

-- What the functions of a worker's call hand to one another.

create type tasker.place as (
  namespace_id integer,
  name         text,
  is_paused    boolean,
  is_careful   boolean,
  has_parked   boolean,
  is_waited    boolean
);
comment on type tasker.place is 'A namespace as a call found it: is_careful when any task or template is paused, has_parked when steps wait for their handler, is_waited when any worker is to be woken.';

create type tasker.wanted as (
  worker   text,
  most     bigint,
  lease    interval,
  handlers text[],
  request  uuid,
  wait     interval
);
comment on type tasker.wanted is 'What a worker asks of a claim.';

create type tasker.happened as (
  ids     bigint[],
  changes tasker.transition[],
  counts  integer[]
);
comment on type tasker.happened is 'What a call has changed so far, as a row of transitions.';

create type tasker.cron as (
  minutes  integer[],
  hours    integer[],
  days     integer[],
  months   integer[],
  weekdays integer[],
  either   boolean,
  hourly   boolean
);
comment on type tasker.cron is 'A cron line as it was read: either, when a day may match by its number or by its name; hourly, when its ticks are so far apart by the clock that runs, and not by the one on the wall.';

-- Definitions -------------------------------------------------------------------------------------

create table tasker.namespaces (
  namespace_id  integer     generated always as identity primary key,
  name          text        not null
                constraint namespace_names_are_unique unique
                constraint a_namespace_name_is_a_short_identifier
                check (name ~ '^[a-z][a-z0-9_]{0,31}$'),
  paused_at     timestamptz,
  paused_by     text,
  pause_reason  text,
  created_at    timestamptz not null default clock_timestamp(),
  constraint a_paused_namespace_says_who_and_why
    check ((paused_at is null) = (paused_by is null)
           and (paused_at is null) = (pause_reason is null))
);
comment on table tasker.namespaces is 'Business domains. Each owns the PGMQ queues <name>_queue, <name>_queue_high and <name>_queue_low.';

create table tasker.task_templates (
  template_id   integer     generated always as identity primary key,
  namespace_id  integer     not null references tasker.namespaces,
  name          text        not null,
  version       text        not null,
  version_order integer[]   not null,
  description   text,
  definition    jsonb       not null,
  sha256        bytea       not null,
  input_schema  jsonb,
  step_count    integer     not null,
  sink_count    integer     not null,
  finalize_externally boolean not null,
  gated         boolean     not null,
  enters        boolean     not null,
  deadline_seconds double precision,
  on_deadline   text        not null default 'fail'
                constraint what_deadlines_do_is_known check (on_deadline in ('fail', 'cancel')),
  paused_at     timestamptz,
  paused_by     text,
  pause_reason  text,
  registered_at timestamptz not null default clock_timestamp(),
  registered_by text        not null default session_user,
  constraint a_template_version_is_registered_once unique (namespace_id, name, version),
  constraint a_paused_template_says_who_and_why
    check ((paused_at is null) = (paused_by is null)
           and (paused_at is null) = (pause_reason is null))
);
create index paused_templates on tasker.task_templates (paused_at) where paused_at is not null;
comment on table tasker.task_templates is 'Named, versioned DAG definitions. A version never changes once registered.';
comment on column tasker.task_templates.gated is 'Whether any step has run_on, if or on_error: then each step is decided about when its last parent has ended.';
comment on column tasker.task_templates.deadline_seconds is 'How long a task may take from when it begins, unless it is made with a deadline of its own; null: for ever.';
comment on column tasker.task_templates.enters is 'Whether its first steps enter by the gate: it is gated, or one of them waits.';

create table tasker.template_steps (
  template_id     integer not null references tasker.task_templates on delete cascade,
  step_no         integer not null
                  constraint step_numbers_fit_in_20_bits check (step_no between 1 and 1048575),
  name            text    not null,
  description     text,
  handler         text    not null,
  config          jsonb   not null,
  namespace_id    integer not null references tasker.namespaces,
  queue           text    not null,
  parents         integer[] not null,
  parent_names    text[]  not null,
  children        integer[] not null,
  join_children   integer[] not null,
  special_children integer[] not null,
  max_attempts    smallint not null
                  constraint a_step_runs_at_least_once check (max_attempts between 1 and 1000),
  backoff         text    not null
                  constraint backoff_kinds_are_known
                  check (backoff in ('none', 'linear', 'exponential', 'fibonacci')),
  backoff_base_ms bigint  not null,
  max_backoff_ms  bigint  not null,
  jitter          boolean not null,
  timeout_seconds integer,
  depth           integer not null,
  features        jsonb,
  constraint template_steps_key primary key (template_id, step_no),
  constraint a_step_name_is_unique_in_its_template unique (template_id, name)
);
comment on table tasker.template_steps is 'The compiled DAG: steps in topological order (a parent has a smaller step_no than its children).';
comment on column tasker.template_steps.children is 'Step numbers; a step without children has {0}: its task waits for it.';
comment on column tasker.template_steps.join_children is 'Those of children that wait for more than one parent: two finishing steps may meet at their rows.';
comment on column tasker.template_steps.special_children is 'Those of children that wait for more than 16 parents (finishing steps do not queue up behind their rows), those that wait when they enter, and all in a gated template: their ends leave the street.';
comment on column tasker.template_steps.depth is 'The longest path from a step without parents. A step of greater depth has a greater step_no.';
comment on column tasker.template_steps.features is 'What it has beyond a plain handler, null for nothing. In a gated template run_on, on_error, and of a condition if, path, reads, needs. wait: what it waits for; check: its handler is asked until it says true; start_within, finish_within: seconds; alarms: it may have alarms and a wait, which go when it ends; enters: those of its children that enter by the gate although the template is not gated.';

create table tasker.template_waits (
  template_id integer not null references tasker.task_templates on delete cascade,
  name        text    not null,
  step_no     integer not null,
  constraint template_waits_key primary key (template_id, name, step_no)
);
comment on table tasker.template_waits is 'Which steps of a template wait for a signal of which name, so that sending one costs no scan.';

-- Work --------------------------------------------------------------------------------------------

create sequence tasker.task_ids as bigint maxvalue 4398046511103;
comment on sequence tasker.task_ids is 'Task ids, 42 bits: they are part of the public uuid.';

create table tasker.tasks (
  task_id             bigint            primary key,
  task_uuid           uuid              not null constraint task_uuids_are_unique unique,
  created_at          timestamptz       not null,
  template_id         integer           not null,
  priority            smallint          not null
                      constraint priorities_are_known check (priority in (-1, 0, 1)),
  finalize_externally boolean           not null,
  state               tasker.task_state not null default 'pending',
  open_sinks          integer           not null
                      constraint open_sinks_are_counted_once check (open_sinks >= 0),
  started_at          timestamptz,
  finished_at         timestamptz,
  run_at              timestamptz,
  paused_at           timestamptz,
  paused_by           text,
  pause_reason        text,
  context             jsonb             not null,
  tags                text[],
  initiator           text,
  source_system       text,
  reason              text,
  deadline            timestamptz,
  constraint a_finished_task_has_an_end
    check ((state in ('complete', 'error', 'cancelled', 'resolved_manually'))
           = (finished_at is not null)),
  constraint a_paused_task_says_who_and_why
    check ((paused_at is null) = (paused_by is null)
           and (paused_at is null) = (pause_reason is null))
) with (fillfactor = 40);
create index paused_tasks on tasker.tasks (paused_at) where paused_at is not null;
comment on column tasker.tasks.deadline is 'By when it is to be done. While it is open, alarms has the moment, too.';
comment on table tasker.tasks is 'One row per run of a template. open_sinks counts the unfinished steps that have no children.';

create table tasker.idempotency_keys (
  idempotency_hash uuid   constraint an_idempotency_key_makes_one_task primary key,
  idempotency_key  text   not null,
  task_id          bigint not null
);
comment on table tasker.idempotency_keys is 'Which task a key has made. The hash covers namespace, template name and key.';

create table tasker.open_tasks (
  task_id bigint primary key
);
comment on table tasker.open_tasks is 'The tasks that have not ended, so that nobody has to search history for them. A partial index would make the end of every task a non-HOT update.';

-- Columns that change together stand together: an update writes the bytes between the first and the
-- last change.
create table tasker.steps (
  step_id         bigint            primary key,
  template_id     integer           not null,
  waiting_parents integer           not null
                  constraint parents_are_counted_once check (waiting_parents >= 0),
  enqueued_at     timestamptz,
  priority        smallint          not null,
  attempt         smallint          not null default 0,
  claim_token     uuid,
  started_at      timestamptz,
  state           tasker.step_state not null default 'pending',
  seconds         real,
  finished_at     timestamptz,
  result          jsonb,
  has_checkpoint        boolean
) with (fillfactor = 30);
comment on column tasker.steps.seconds is 'How long its handler took in the last attempt that ended, by the worker''s clock; null when it did not say.';
comment on column tasker.steps.has_checkpoint is 'True since it made a checkpoint, until it is reset: look into checkpoints. Null, which takes no room: there is none.';
comment on table tasker.steps is 'One row per step of a task. claim_token is the claim that holds it, and afterwards the one that finished it.';

create table tasker.claims (
  token         uuid        primary key,
  namespace_id  integer     not null,
  worker        text        not null,
  claimed_at    timestamptz not null,
  lease_until   timestamptz not null,
  step_ids      bigint[]    not null,
  answers_token uuid,
  answers_step  bigint,
  request       uuid
) with (fillfactor = 70);
create unique index a_request_makes_one_claim on tasker.claims (request) where request is not null;
comment on table tasker.claims is 'One row per claimed batch: inserted on claim, deleted when its last step is done. The random token is the fence.';

create table tasker.checkpoints (
  step_id    bigint      primary key,
  checkpoint jsonb,
  number     bigint      not null,
  token      uuid        not null,
  saved_at   timestamptz not null,
  excused    integer     not null default 0,
  unlucky    integer     not null default 0
) with (fillfactor = 50, toast.autovacuum_vacuum_scale_factor = 0,
        toast.autovacuum_vacuum_threshold = 5000);
comment on table tasker.checkpoints is 'The last checkpoint of each step that has made one and may go on from it: it is open or in error.';
comment on column tasker.checkpoints.token is 'The claim that made it.';
comment on column tasker.checkpoints.excused is 'How many lost attempts did not count because the step had got on.';
comment on column tasker.checkpoints.unlucky is 'How many attempts in a row were lost since without a checkpoint.';

create table tasker.parked_steps (
  step_id      bigint   constraint a_step_is_parked_once primary key,
  namespace_id integer  not null,
  handler      text     not null collate "C",
  priority     smallint not null
);
create index parked_steps_in_order
  on tasker.parked_steps (namespace_id, handler, priority desc, step_id);
comment on table tasker.parked_steps is 'Enqueued steps that a claimer found which does not serve their handler. They wait here instead of in the queue, for one that does.';

create table tasker.dead_steps (
  step_id     bigint      primary key,
  template_id integer     not null,
  failed_at   timestamptz not null,
  retryable   boolean     not null,
  fingerprint text        not null
);
comment on table tasker.dead_steps is 'The steps in error that nobody has dealt with yet, so that nobody has to search the failures of all times for them. Read it through dead_letters.';

create table tasker.submissions (
  submission_id bigint      generated always as identity primary key,
  token         uuid        not null,
  worker        text        not null,
  step_ids      bigint[]    not null,
  failures      jsonb       not null,
  submitted_at  timestamptz not null
);
comment on table tasker.submissions is 'Outcomes submitted over the two-hop path and not yet processed. Results already stand in their step rows.';

create table tasker.timers (
  step_id bigint      primary key,
  due_at  timestamptz not null
);
create index timers_by_time on tasker.timers (due_at, step_id);
comment on table tasker.timers is 'Steps that wait for a moment: retries, sleeping steps, and first steps of tasks with run_at. Promoted to a queue when due.';

create table tasker.alarms (
  step_id bigint      not null,
  kind    text        not null
          constraint kinds_of_alarms_are_known
          check (kind in ('wait', 'check', 'deadline', 'start_within', 'finish_within')),
  due_at  timestamptz not null,
  constraint a_step_has_one_alarm_of_a_kind primary key (step_id, kind)
);
create index alarms_by_time on tasker.alarms (due_at, step_id);
comment on table tasker.alarms is 'Moments at which something is decided about a step, or (step_no 0) about a task. A step that ends takes its own along.';

create table tasker.waits (
  step_id   bigint      primary key,
  kind      text        not null
            constraint kinds_of_waits_are_known
            check (kind in ('signal', 'time', 'condition', 'slot', 'child', 'sleep')),
  names     text[],
  wanted    integer,
  opened_at timestamptz not null,
  until     timestamptz,
  constraint a_wait_for_signals_names_them
    check ((kind = 'signal') = (names is not null and wanted is not null))
);
comment on table tasker.waits is 'What the steps in waiting wait for, and until when; those that wait for a condition keep their row while it is looked at.';

create table tasker.signals (
  signal_id    bigint      generated always as identity primary key,
  task_id      bigint      not null,
  name         text        not null,
  signal_key   text,
  value        jsonb       not null,
  sent_by      text        not null,
  sent_at      timestamptz not null,
  reason       text,
  delivered_to bigint,
  taken_by     bigint,
  spent        boolean,
  constraint a_key_stands_for_one_signal unique (task_id, name, signal_key)
);
create index signals_to_take on tasker.signals (task_id, name) where taken_by is null;
comment on table tasker.signals is 'What was sent to tasks: taken by a step that waits, or stored for one that is to come. delivered_to is the step that waited when it was sent. spent is true when the wait that took it failed and was opened again, else null.';

create table tasker.deferred_decrements (
  deferred_id bigint  generated always as identity primary key,
  step_id     bigint  not null,
  amount      integer not null,
  for_gate    boolean
);
create index deferred_decrements_by_step on tasker.deferred_decrements (step_id);
comment on table tasker.deferred_decrements is 'Finished parents of a wide join (or sinks of a wide task, step_no 0) whose row was locked at the time.';
comment on column tasker.deferred_decrements.for_gate is 'True when the last of them leads to a decision and not into the queue; an amount of 0 then says that steps are undecided. Else null.';

create table tasker.decisions (
  step_id    bigint      primary key,
  decided_at timestamptz not null,
  decision   text        not null
             constraint decisions_are_known check (decision in ('run', 'skip', 'fail', 'wait')),
  cause      text,
  saw        jsonb       not null
);
comment on table tasker.decisions is 'Why each step of a gated template runs, or does not: one row per step whose parents have all ended, with their outcomes and the values that its condition read. check_invariants decides again and compares.';

create table tasker.undecided (
  step_id bigint      primary key,
  since   timestamptz not null
);
comment on table tasker.undecided is 'Steps whose parents have all ended, and which the call that ended the last one left to the sweep and to idle claims: it had decided about a thousand steps already, or went a hundred deep.';

create table tasker.unfinalized_tasks (
  task_id bigint      primary key,
  since   timestamptz not null
);
comment on table tasker.unfinalized_tasks is 'Tasks whose end is not decided by a last sink: blocked by failures, or finalized by an external processor.';

create table tasker.waiters (
  waiter_id    bigint      generated always as identity primary key,
  namespace_id integer     not null,
  worker       text        not null,
  until        timestamptz not null
);
create index waiters_by_namespace on tasker.waiters (namespace_id);
comment on table tasker.waiters is 'Idle workers that listen. A call that enqueues work takes the newest of their rows, and notifies that worker.';

-- History -----------------------------------------------------------------------------------------

create table tasker.legal_transitions (
  transition tasker.transition primary key,
  entity     text not null check (entity in ('task', 'step')),
  from_state text,
  to_state   text not null,
  meaning    text not null
);
comment on table tasker.legal_transitions is 'The state chart as data: a change that is not a row here is refused.';

create table tasker.transitions (
  transition_id bigint      generated always as identity,
  at            timestamptz not null,
  actor         text        not null,
  session_role  text        not null,
  application   text        not null,
  reason        text,
  ids           bigint[]    not null,
  changes       tasker.transition[] not null,
  counts        integer[]
);
alter table tasker.transitions replica identity full;  -- without a key, and never changed
create index transitions_by_time on tasker.transitions (at);
comment on table tasker.transitions is 'Append-only history, one row per call: the first counts[1] ids made changes[1], the next counts[2] changes[2], and so on (no counts: one each). Read it through step_transitions and task_transitions.';

create table tasker.step_failures (
  failure_id    bigint            generated always as identity primary key,
  step_id       bigint            not null,
  attempt       smallint          not null,
  token         uuid,
  worker        text              not null,
  error         jsonb             not null,
  retryable     boolean           not null,
  failed_at     timestamptz       not null,
  to_state      tasker.step_state not null,
  next_retry_at timestamptz,
  lost          boolean           not null default false,
  enqueued_at   timestamptz,
  started_at    timestamptz,
  seconds       real
);
create index step_failures_by_step on tasker.step_failures (step_id, failure_id);
create index lost_attempts_by_token on tasker.step_failures (token) where lost;
comment on table tasker.step_failures is 'One row per attempt that failed or was lost (its lease ran out, or an operator took it back; nobody reported), with its error, when it had been enqueued and started, and how long its handler took: this says where time went, without a look at the transitions.';

create table tasker.given_back (
  step_id     bigint      not null,
  enqueued_at timestamptz not null,
  started_at  timestamptz not null,
  token       uuid,
  slept_at    timestamptz,
  due_at      timestamptz
);
alter table tasker.given_back replica identity full;  -- without a key
create index given_back_by_step on tasker.given_back (step_id);
comment on table tasker.given_back is 'When attempts were enqueued and started that were given back before they counted: the moments by which the history of their task is found. token is the claim that put its step to sleep, from slept_at to due_at; null when it gave it back otherwise.';

create table tasker.refused_writes (
  step_id    bigint      not null,
  token      uuid        not null,
  worker     text        not null,
  attempt    smallint,
  cause      text        not null
             constraint causes_of_refusal_are_known
             check (cause in ('lease expired', 'taken over', 'unknown')),
  lost_at    timestamptz,
  refused_at timestamptz not null,
  constraint a_late_write_is_counted_once primary key (step_id, token)
);
create index refused_writes_by_time on tasker.refused_writes (refused_at);
comment on table tasker.refused_writes is 'Outcomes that came after their claim was lost, and were refused. Read it through late_writes.';

create table tasker.finalization_claims (
  task_id       bigint      primary key,
  attempt_uuid  uuid        not null unique,
  processor_id  text        not null,
  claimed_at    timestamptz not null,
  claimed_until timestamptz not null
);
comment on table tasker.finalization_claims is 'Who is finalizing a task now. Separate from step claims; expires by itself.';

create table tasker.finalization_attempts (
  attempt_uuid uuid        primary key,
  task_id      bigint,
  processor_id text        not null,
  claimed_at   timestamptz not null,
  ended_at     timestamptz,
  outcome      text
               constraint finalization_outcomes_are_known
               check (outcome in ('finalized', 'released', 'expired', 'refused')),
  reason       text
               constraint reasons_of_refusal_are_known
               check (reason in ('already_claimed', 'already_complete', 'not_ready', 'not_found')),
  constraint what_is_refused_has_a_reason check ((outcome = 'refused') = (reason is not null))
);
create index finalization_attempts_by_task on tasker.finalization_attempts (task_id);
create index finalization_attempts_by_end on tasker.finalization_attempts (ended_at);
comment on table tasker.finalization_attempts is 'Every finalization claim, and how it ended, or why it was refused (with no task_id: there is no such task).';

create table tasker.finalization_events (
  event_id bigint           generated always as identity primary key,
  at       timestamptz      not null,
  event    text             not null
           constraint finalization_events_are_known
           check (event in ('claimed', 'already_claimed', 'already_complete', 'not_ready',
                            'not_found', 'extended', 'released', 'finalized', 'expired')),
  seconds  double precision
);
create index finalization_events_by_time on tasker.finalization_events (at);
comment on table tasker.finalization_events is 'Each thing that happened to a finalization claim, for count_events. seconds: how long asking for it took, or, once it ended, how long it was held.';

create table tasker.rejected_messages (
  rejection_id bigint      generated always as identity primary key,
  queue_name   text        not null,
  msg_id       bigint      not null,
  message      jsonb,
  code         text        not null,
  error        text        not null,
  rejected_at  timestamptz not null
);
comment on table tasker.rejected_messages is 'Messages to the orchestration queues that could not be applied, with the reason.';

create table tasker.operator_actions (
  action_id    bigint      generated always as identity primary key,
  at           timestamptz not null,
  verb         text        not null,
  subject      text        not null,
  reason       text        not null,
  session_role text        not null default session_user,
  application  text        not null default current_setting('application_name')
);
create index operator_actions_by_subject on tasker.operator_actions (subject);
comment on table tasker.operator_actions is 'What operators did, to what, and why: every verb that takes a reason writes a row.';

create table tasker.acknowledgements (
  code            text        not null,
  subject         text        not null,
  severity        text        not null,
  amount          bigint,
  reason          text        not null,
  until           timestamptz,
  acknowledged_by text        not null default session_user,
  acknowledged_at timestamptz not null,
  constraint a_problem_is_acknowledged_once primary key (code, subject)
);
comment on table tasker.acknowledgements is 'Problems that somebody knows of: how bad each was then, why it may wait, and until when; without a time, until it changes.';

create table tasker.repair_plans (
  plan_uuid  uuid        primary key,
  verb       text        not null,
  filter     jsonb       not null,
  result     jsonb,
  ids        bigint[]    not null,
  position   integer     not null default 0,
  planned_at timestamptz not null,
  planned_by text        not null default session_user
);
comment on table tasker.repair_plans is 'What an operator means to do to many at once: the steps, tasks (step_no 0), templates or namespaces that matched, and how many of them it was done to. The result is for steps that are completed by hand. Kept for a day.';

create table tasker.installations (
  number       bigint      generated always as identity primary key,
  definitions  jsonb       not null,
  installed_at timestamptz not null default now(),
  installed_by text        not null default session_user
);
comment on table tasker.installations is 'Which functions and views an upgrade gave this database, by name with the SHA-256 of their text. The last row holds; those before it led there.';

create table tasker.limits (
  name    text    primary key,
  value   integer not null,
  initial integer not null,
  minimum integer not null,
  maximum integer not null,
  unit    text    not null,
  meaning text    not null,
  constraint a_limit_stays_within_its_bounds check (value between minimum and maximum)
);
comment on table tasker.limits is 'What the engine takes at most. What is within the minimum is let in without a look here; the maximum is what was measured to work.';

create table tasker.sweep_cursors (
  action   text   primary key,
  position bigint not null
);
comment on table tasker.sweep_cursors is 'Where the next pass of a rotating sweep begins.';

-- Schedules ---------------------------------------------------------------------------------------

create table tasker.schedules (
  schedule_id   integer     generated always as identity primary key,
  namespace_id  integer     not null references tasker.namespaces,
  name          text        not null,
  definition    jsonb       not null,
  decided_until timestamptz not null,
  next_tick     timestamptz
                constraint a_next_tick_is_not_decided_yet check (next_tick > decided_until),
  delay         interval    not null default '0'
                constraint a_tick_is_never_early check (delay >= '0'),
  due_at        timestamptz
                generated always as (((next_tick at time zone 'UTC') + delay) at time zone 'UTC') stored,
  last_tick     timestamptz
                constraint the_last_tick_is_decided check (last_tick <= decided_until),
  last_outcome  text,
  paused_at     timestamptz,
  paused_by     text,
  pause_reason  text,
  created_at    timestamptz not null,
  constraint a_schedule_has_a_name_of_its_own unique (namespace_id, name),
  constraint a_paused_schedule_says_who_and_why
    check ((paused_at is null) = (paused_by is null)
           and (paused_at is null) = (pause_reason is null))
);
create index schedules_by_time on tasker.schedules (due_at) where paused_at is null;
comment on table tasker.schedules is 'Plans by which tasks are made. All ticks up to decided_until are decided; next_tick is the one after, null when there is none. A sweep makes its task at due_at, which is later by the jitter.';

create table tasker.schedule_ticks (
  schedule_id integer     not null,
  tick_at     timestamptz not null,
  decided_at  timestamptz not null,
  outcome     text        not null
              constraint outcomes_of_a_tick_are_known
              check (outcome in ('created', 'missed', 'overlapped', 'queued', 'failed',
                                 'backfilled', 'triggered')),
  count       bigint      not null default 1,
  last_at     timestamptz not null,
  task_id     bigint,
  is_open     boolean     not null default false,
  detail      jsonb,
  constraint a_tick_is_decided_once primary key (schedule_id, tick_at),
  constraint a_tick_that_made_a_task_names_it
    check ((outcome in ('created', 'backfilled', 'triggered')) = (task_id is not null)),
  constraint only_a_tick_with_a_task_is_open check (task_id is not null or not is_open)
);
create unique index a_task_has_one_tick on tasker.schedule_ticks (task_id) where task_id is not null;
create unique index a_schedule_queues_one_tick
  on tasker.schedule_ticks (schedule_id) where outcome = 'queued';
create index open_ticks on tasker.schedule_ticks (schedule_id, tick_at) where is_open;
comment on table tasker.schedule_ticks is 'How each tick of a schedule was decided; missed ones that follow each other, up to last_at, are one row. is_open: its task is open, or has ended since somebody looked.';

-- Runners -----------------------------------------------------------------------------------------

create table tasker.runners (
  name        text        primary key,
  host        text        not null,
  pid         integer     not null,
  version     text        not null,
  started_at  timestamptz not null,
  seen_at     timestamptz not null,
  gone_at     timestamptz not null,
  state       text        not null,
  status      text        not null,
  namespaces  text[]      not null,
  pools       jsonb       not null,
  breakers    jsonb       not null,
  connections jsonb       not null,
  handlers    text[],
  troubles    jsonb       not null default '[]',
  role        text        not null default session_user,
  counters    jsonb       not null default '{}'
) with (fillfactor = 50);
comment on column tasker.runners.handlers is 'What it can run; null when it does not say.';
comment on column tasker.runners.role is 'The role that its heartbeats come from.';
comment on table tasker.runners is 'One row per runner, updated in place by its heartbeat. A runner that does not report before gone_at is lost; kept for a day, at most 1000.';

create table tasker.forced_breakers (
  wish_id   bigint      generated always as identity primary key,
  breaker   text        not null,
  runner    text,
  forced    text        not null
            constraint a_breaker_is_forced_open_or_closed check (forced in ('open', 'closed')),
  reason    text        not null,
  forced_by text        not null default session_user,
  forced_at timestamptz not null,
  constraint a_breaker_is_forced_one_way unique nulls not distinct (breaker, runner)
);
comment on table tasker.forced_breakers is 'What operators want of circuit breakers; no runner means every runner. Runners obey with their next heartbeat.';

-- The functions that push to and pop from the queue of a namespace: a pair for each, made with it.
create schema tasker_queues;
comment on schema tasker_queues is 'Two functions for each queue of a namespace, which push pointers and pop them. create_namespace makes them, drop_namespace drops them.';
