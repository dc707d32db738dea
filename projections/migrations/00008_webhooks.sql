-- +goose Up

-- Who wants to be told of events, as the log has it up to where the reactor webhooks stands. It is
-- filled from the log when it is new. How the sending goes is known here only.
CREATE TABLE crm.webhooks (
    webhook_id      uuid NOT NULL CONSTRAINT webhooks_pkey PRIMARY KEY,
    status          text NOT NULL,
    reason          text NOT NULL,
    url             text NOT NULL,
    categories      text[] NOT NULL,
    types           text[] NOT NULL,
    description     text NOT NULL,
    secret          text NOT NULL,
    previous_secret text NOT NULL,
    previous_until  timestamptz,
    registered_at   timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    position_commit bigint NOT NULL,
    revision        bigint NOT NULL,
    failing_since   timestamptz,
    failures        integer NOT NULL DEFAULT 0,
    delivered_at    timestamptz,
    CONSTRAINT webhooks_status_check CHECK (status IN ('active', 'paused', 'disabled', 'removed'))
);

COMMENT ON TABLE crm.webhooks IS 'Endpoints of other programs that are told of events';
COMMENT ON COLUMN crm.webhooks.reason IS 'Why it is disabled; else empty';
COMMENT ON COLUMN crm.webhooks.secret IS 'Fingerprint of the secret in force';
COMMENT ON COLUMN crm.webhooks.previous_secret IS 'Fingerprint of the one before; empty: none';
COMMENT ON COLUMN crm.webhooks.previous_until IS 'Until when that is in force, too';
COMMENT ON COLUMN crm.webhooks.position_commit IS 'Position in the log of the last event of its stream';
COMMENT ON COLUMN crm.webhooks.revision IS 'Of that event';
COMMENT ON COLUMN crm.webhooks.failing_since IS 'Since when every attempt has failed; NULL: the last one did not';
COMMENT ON COLUMN crm.webhooks.failures IS 'Attempts in a row that failed';
COMMENT ON COLUMN crm.webhooks.delivered_at IS 'When something was delivered last';

-- That the table was filled from the log; one row.
CREATE TABLE crm.webhook_history (
    only_row        boolean NOT NULL DEFAULT true CONSTRAINT webhook_history_pkey PRIMARY KEY,
    position_commit bigint NOT NULL,
    CONSTRAINT webhook_history_check CHECK (only_row)
);

COMMENT ON TABLE crm.webhook_history IS 'Up to where in the log crm.webhooks was filled from it when it was new';

-- What signs. It is here and nowhere else: what signs must be at hand in plain, and nothing of it may
-- be in the log, which is for ever.
CREATE TABLE crm.webhook_secrets (
    webhook_id  uuid NOT NULL,
    fingerprint text NOT NULL,
    secret      bytea NOT NULL,
    made_at     timestamptz NOT NULL,
    CONSTRAINT webhook_secrets_pkey PRIMARY KEY (webhook_id, fingerprint)
);

COMMENT ON TABLE crm.webhook_secrets IS 'Secrets with which webhooks are signed';
COMMENT ON COLUMN crm.webhook_secrets.fingerprint IS 'By which events name it';

-- One event for one endpoint.
CREATE TABLE crm.webhook_deliveries (
    delivery_id      uuid NOT NULL CONSTRAINT webhook_deliveries_pkey PRIMARY KEY,
    webhook_id       uuid NOT NULL,
    event_id         uuid NOT NULL,
    event_type       text NOT NULL,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    payload          text NOT NULL,
    cause            text NOT NULL,
    state            text NOT NULL,
    made_at          timestamptz NOT NULL,
    due_at           timestamptz NOT NULL,
    taken_until      timestamptz,
    attempts         integer NOT NULL DEFAULT 0,
    tries            integer NOT NULL DEFAULT 0,
    done_at          timestamptz,
    CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('due', 'delivered', 'failed')),
    CONSTRAINT webhook_deliveries_cause_check CHECK (cause IN ('event', 'ping', 'replay'))
);

CREATE INDEX webhook_deliveries_due ON crm.webhook_deliveries (webhook_id, due_at, position_commit) WHERE state = 'due';
CREATE INDEX webhook_deliveries_by_age ON crm.webhook_deliveries (webhook_id, made_at DESC, delivery_id);
CREATE INDEX webhook_deliveries_done ON crm.webhook_deliveries (done_at) WHERE state <> 'due';

COMMENT ON TABLE crm.webhook_deliveries IS 'Events to be delivered to webhooks, and delivered ones for a while';
COMMENT ON COLUMN crm.webhook_deliveries.delivery_id IS 'Made of webhook, event and cause, so that it is made once';
COMMENT ON COLUMN crm.webhook_deliveries.payload IS 'What is sent: a CloudEvent with ids and types, and nothing of what the event holds';
COMMENT ON COLUMN crm.webhook_deliveries.due_at IS 'When it is to be tried next';
COMMENT ON COLUMN crm.webhook_deliveries.taken_until IS 'Until when a server is at it, and no other takes it';
COMMENT ON COLUMN crm.webhook_deliveries.attempts IS 'How often it was begun';
COMMENT ON COLUMN crm.webhook_deliveries.tries IS 'How often it failed since it was last asked for';
COMMENT ON COLUMN crm.webhook_deliveries.done_at IS 'When it was delivered or given up';

-- One attempt to deliver. One that is missing was cut short by the end of its server.
CREATE TABLE crm.webhook_attempts (
    delivery_id uuid NOT NULL,
    attempt     integer NOT NULL,
    at          timestamptz NOT NULL,
    took_micros bigint NOT NULL,
    status      integer NOT NULL,
    outcome     text NOT NULL,
    CONSTRAINT webhook_attempts_pkey PRIMARY KEY (delivery_id, attempt),
    CONSTRAINT webhook_attempts_delivery_fkey FOREIGN KEY (delivery_id) REFERENCES crm.webhook_deliveries (delivery_id) ON DELETE CASCADE
);

COMMENT ON TABLE crm.webhook_attempts IS 'Attempts to deliver';
COMMENT ON COLUMN crm.webhook_attempts.status IS 'Of the answer; 0: none';
COMMENT ON COLUMN crm.webhook_attempts.outcome IS 'What came of it, in a word';

-- Stretches of the log that an endpoint is to be sent again.
CREATE TABLE crm.webhook_replays (
    replay_id        uuid NOT NULL CONSTRAINT webhook_replays_pkey PRIMARY KEY,
    webhook_id       uuid NOT NULL,
    position_commit  bigint NOT NULL,
    position_prepare bigint NOT NULL,
    through_commit   bigint NOT NULL,
    through_prepare  bigint NOT NULL,
    deliveries       bigint NOT NULL DEFAULT 0,
    made_at          timestamptz NOT NULL,
    taken_until      timestamptz,
    done_at          timestamptz
);

CREATE INDEX webhook_replays_open ON crm.webhook_replays (made_at) WHERE done_at IS NULL;

COMMENT ON TABLE crm.webhook_replays IS 'Stretches of the log that a webhook is to be sent again';
COMMENT ON COLUMN crm.webhook_replays.replay_id IS 'The event that asked for it';
COMMENT ON COLUMN crm.webhook_replays.position_commit IS 'Up to where deliveries were made';
COMMENT ON COLUMN crm.webhook_replays.through_commit IS 'Where it ends: at the event that asked for it';
COMMENT ON COLUMN crm.webhook_replays.deliveries IS 'How many deliveries were made';
COMMENT ON COLUMN crm.webhook_replays.taken_until IS 'Until when a server is at it, and no other takes it';
