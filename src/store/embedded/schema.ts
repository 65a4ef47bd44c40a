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

/**
 * What issuing needs, mails, notes and histories. `details`: optional fields as JSON, null if there are none. `used_version`: null until the
 * certificate was used for the first time; 0, also in rows of older programs, where there was no event of it. `changed_version`: of the last
 * full record, 0 where it is not known. Whoever reads expired notes passes them over; they are deleted when others are written.
 */
const issuing = `
ALTER TABLE contracts ADD COLUMN details TEXT;
ALTER TABLE contracts ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contracts ADD COLUMN changed_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN details TEXT;
ALTER TABLE users ADD COLUMN changed_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN used_version INTEGER DEFAULT 0;
ALTER TABLE certificates ADD COLUMN public_key_hash TEXT;
CREATE UNIQUE INDEX certificate_of_public_key ON certificates (public_key_hash) WHERE public_key_hash IS NOT NULL;
CREATE INDEX certificates_by_end ON certificates (not_after_ms, certificate_key);

CREATE TABLE signed_certificates (
  certificate_key TEXT PRIMARY KEY,
  not_after_ms INTEGER NOT NULL,
  der BLOB NOT NULL
) STRICT;
CREATE INDEX signed_certificates_by_end ON signed_certificates (not_after_ms);

CREATE TABLE sightings (
  certificate_key TEXT PRIMARY KEY,
  not_after_ms INTEGER NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sightings_by_end ON sightings (not_after_ms);

CREATE TABLE mails (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
  login_id TEXT NOT NULL,
  recipient TEXT NOT NULL,
  body TEXT NOT NULL,
  due_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mails_due ON mails (state, due_ms, id);
CREATE INDEX mails_changed ON mails (state, changed_ms, id);

INSERT INTO counts (name, value) VALUES ('mails_waiting', 0), ('mails_sent', 0), ('mails_dead', 0);
CREATE TRIGGER mail_added AFTER INSERT ON mails BEGIN
  UPDATE counts SET value = value + 1 WHERE name = 'mails_' || NEW.state;
END;
CREATE TRIGGER mail_removed AFTER DELETE ON mails BEGIN
  UPDATE counts SET value = value - 1 WHERE name = 'mails_' || OLD.state;
END;
CREATE TRIGGER mail_changed AFTER UPDATE OF state ON mails WHEN NEW.state <> OLD.state BEGIN
  UPDATE counts SET value = value - 1 WHERE name = 'mails_' || OLD.state;
  UPDATE counts SET value = value + 1 WHERE name = 'mails_' || NEW.state;
END;

CREATE TABLE notes (
  name TEXT PRIMARY KEY,
  value TEXT,
  count INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notes_by_end ON notes (expires_ms);

CREATE TABLE history (
  subject TEXT NOT NULL,
  number INTEGER NOT NULL,
  entry TEXT NOT NULL,
  PRIMARY KEY (subject, number)
) STRICT, WITHOUT ROWID;
`

/**
 * Tables of the embedded store. Version 2 writes other bodies into `events`; those of version 1 stay readable. Version 3 has certificates that
 * were issued and not used yet, which an older program would take for current ones: it is refused from then on (`Database.checkSchema`), and
 * what one of version 1 still writes counts as used.
 */
export const storeSchema: Schema = { version: 3, steps: [firstTables, rulesAndGateways, issuing] }
