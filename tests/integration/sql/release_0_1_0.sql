-- quel's own schema as release 0.1.0 made it (its head is 0003), for a migration from there.
CREATE SCHEMA quel;
CREATE TABLE quel.job (
    job_id UUID NOT NULL,
    path VARCHAR(50) NOT NULL,
    customer TEXT NOT NULL,
    payer_kind VARCHAR(20) NOT NULL,
    payer_id UUID NOT NULL,
    ledger_member_id UUID NOT NULL,
    price INTEGER NOT NULL,
    result_owner TEXT NOT NULL,
    plan JSONB NOT NULL,
    warnings JSONB DEFAULT '[]'::jsonb NOT NULL,
    input_images INTEGER DEFAULT 0 NOT NULL,
    fruitless_recoveries INTEGER DEFAULT 0 NOT NULL,
    stored_at_recovery INTEGER DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_job PRIMARY KEY (job_id),
    CONSTRAINT ck_job_payer_kind CHECK (payer_kind IN ('organization', 'member')),
    CONSTRAINT fk_job_job_id_quel_production_jobs FOREIGN KEY(job_id) REFERENCES quel_production_jobs (job_id) ON DELETE CASCADE
);
CREATE TABLE quel.image (
    job_id UUID NOT NULL,
    image_no INTEGER NOT NULL,
    path VARCHAR(50) NOT NULL,
    customer TEXT NOT NULL,
    stage INTEGER DEFAULT 0 NOT NULL,
    item INTEGER DEFAULT 0 NOT NULL,
    number INTEGER DEFAULT 0 NOT NULL,
    seed BIGINT DEFAULT 0 NOT NULL,
    state VARCHAR(20) DEFAULT 'planned' NOT NULL,
    turn BIGINT DEFAULT 0 NOT NULL,
    request JSONB,
    attempts INTEGER DEFAULT 0 NOT NULL,
    broken_answers INTEGER DEFAULT 0 NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    lease_owner TEXT,
    lease_until TIMESTAMP WITH TIME ZONE,
    cost_usd NUMERIC(10, 5),
    reason_code TEXT,
    reason TEXT,
    attach_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_image PRIMARY KEY (job_id, image_no),
    CONSTRAINT ck_image_state CHECK (state IN ('planned', 'ready', 'generating', 'made', 'stored', 'failed', 'cancelled')),
    CONSTRAINT fk_image_job_id_job FOREIGN KEY(job_id) REFERENCES quel.job (job_id) ON DELETE CASCADE
);
CREATE INDEX ix_image_customer_turns ON quel.image (customer, turn) WHERE state = 'ready';
CREATE INDEX ix_image_generating ON quel.image (path) WHERE state = 'generating';
CREATE INDEX ix_image_made ON quel.image (updated_at) WHERE state = 'made';
CREATE INDEX ix_image_turns ON quel.image (turn, job_id, image_no) WHERE state = 'ready';
CREATE INDEX ix_image_updated_at ON quel.image (updated_at);
CREATE TABLE quel.alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO quel.alembic_version VALUES ('0003');
