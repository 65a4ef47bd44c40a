/** The tables of a database file. */
export type Schema = {
  /** Rises with every change of the tables that an older program would misread; as many as there are steps. */
  readonly version: number
  /** Each leads from one version to the next, the first from an empty file. The first makes the table `store`. */
  readonly steps: readonly string[]
}

/**
 * Every change of trust takes one version from `events`, which is the log; the other tables hold what the log amounts to,
 * each subject with the version of its last event. `counts` is kept by triggers so that rows taken away behind our back show.
 */
const firstTables = `
CREATE TABLE store (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  version INTEGER PRIMARY KEY AUTOINCREMENT,
  token TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE counts (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counts (name, value) VALUES ('revoked', 0), ('trimmed_through', 0);

CREATE TABLE revocations (
  certificate_key TEXT PRIMARY KEY,
  issuer_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('revoked', 'restored')),
  version INTEGER NOT NULL UNIQUE,
  login_id TEXT,
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_of_login_id ON revocations (login_id, version) WHERE login_id IS NOT NULL;
CREATE INDEX revocations_of_issuer ON revocations (issuer_id, version);

CREATE TRIGGER revocation_added AFTER INSERT ON revocations WHEN NEW.state = 'revoked' BEGIN
  UPDATE counts SET value = value + 1 WHERE name = 'revoked';
END;
CREATE TRIGGER revocation_removed AFTER DELETE ON revocations WHEN OLD.state = 'revoked' BEGIN
  UPDATE counts SET value = value - 1 WHERE name = 'revoked';
END;
CREATE TRIGGER revocation_changed AFTER UPDATE OF state ON revocations WHEN NEW.state <> OLD.state BEGIN
  UPDATE counts SET value = value + CASE NEW.state WHEN 'revoked' THEN 1 ELSE -1 END WHERE name = 'revoked';
END;

CREATE TABLE contracts (
  contract_id TEXT PRIMARY KEY,
  login_method TEXT NOT NULL CHECK (login_method IN ('certificate', 'password')),
  certificate_limit INTEGER NOT NULL CHECK (certificate_limit > 0),
  method_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  login_id TEXT PRIMARY KEY,
  contract_id TEXT NOT NULL REFERENCES contracts (contract_id),
  role TEXT NOT NULL CHECK (role IN ('master', 'general')),
  state TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
  state_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX users_of_contract ON users (contract_id);

CREATE TABLE certificates (
  certificate_key TEXT PRIMARY KEY,
  login_id TEXT NOT NULL REFERENCES users (login_id),
  not_before_ms INTEGER NOT NULL,
  not_after_ms INTEGER NOT NULL,
  recorded_version INTEGER NOT NULL,
  superseded_version INTEGER UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_of_login_id ON certificates (login_id, not_after_ms);

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

/** Rules that revoke by login ID or by issuer and time range, and what gateways say of themselves. */
const rulesAndGateways = `
CREATE TABLE rules (
  rule_id TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('in_force', 'withdrawn')),
  version INTEGER NOT NULL UNIQUE,
  login_id TEXT,
  issuer_id TEXT,
  not_before_min_ms INTEGER,
  not_before_max_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  comment TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  CHECK ((login_id IS NULL) <> (issuer_id IS NULL)),
  CHECK ((issuer_id IS NULL) = (not_before_min_ms IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE gateways (
  gateway_id TEXT PRIMARY KEY,
  report TEXT NOT NULL,
  reported_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

/** Tables of the embedded store. Version 2 writes other bodies into `events`; those of version 1 stay readable. */
export const storeSchema: Schema = { version: 2, steps: [firstTables, rulesAndGateways] }
